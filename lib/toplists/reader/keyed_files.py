"""Single rows of Parquet files by a key, at the cost of one row group.

Lists lie in files of disjoint ranges of ids, in row groups of about a thousand. What a table's log says of a
file tells which file may hold an id, and the file's footer which group. Of that group the keys are decoded, and
where one matches, the columns asked for. Footers are kept; files are mapped into memory, and so stay readable
after they were deleted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from toplists.reader.errors import SnapshotGoneError

_OPEN_FILES = 256
"""Of a table; each holds a file descriptor and a footer of some ten or hundred kilobytes."""


@dataclass(frozen=True)
class KeyedFile:
    """A Parquet file, and the least and the greatest key in it; `None` = not known."""

    path: str
    low: str | None
    high: str | None


class KeyedFiles:
    """The rows of some files by one of their columns. May be asked from several threads at once."""

    def __init__(
        self,
        files: Sequence[KeyedFile],
        key: str,
        open_file: Callable[[str], pa.NativeFile] = pa.memory_map,
    ) -> None:
        """Look for rows in `files` by the text column `key`.

        Args:
            files: Where rows may be; opened when they are needed.
            key: The column.
            open_file: Opens a path for reading at any place.
        """
        self._files = tuple(files)
        self._open = lru_cache(_OPEN_FILES)(lambda path: _OpenFile(open_file(path), key))

    def find(
        self, value: str, columns: Sequence[str], equals: Mapping[str, str]
    ) -> pa.Table | None:
        """The row with that key and those values of other text columns; `None` if there is none.

        Args:
            value: The key.
            columns: What is wanted of the row, as Parquet names it, but without the steps into a list:
                `items.score` is a field of the elements of `items`.
            equals: What other columns have to be.

        Returns:
            A table of one row.

        Raises:
            SnapshotGoneError: a file is gone, or no file of Parquet's.
            ValueError: `value` is not valid Unicode, and so the key of nothing.
        """
        value.encode("utf-8")
        try:
            for file in self._files:
                if _within(value, file.low, file.high):
                    found = self._open(file.path).find(value, columns, equals)
                    if found is not None:
                        return found
        except (OSError, pa.ArrowException) as error:
            raise SnapshotGoneError(str(error)) from error
        return None


class _OpenFile:
    """An open file with its footer."""

    def __init__(self, source: pa.NativeFile, key: str) -> None:
        self._source = source
        self._footer = pq.ParquetFile(self._source).metadata
        self._key = key
        names = [column.path for column in _columns(self._footer)]
        # By name without the steps into lists, which are called differently by those who write.
        self._leaves = {f"{name.split('.')[0]}.{name.split('.')[-1]}": name for name in names}
        self._leaves |= {name: name for name in names if "." not in name}
        self._texts = [
            column.path
            for column in _columns(self._footer)
            if column.physical_type == "BYTE_ARRAY" and column.path != key
        ]
        self._bounds = list(self._read_bounds(names.index(key)))

    def _read_bounds(self, place: int) -> Iterator[tuple[str | None, str | None]]:
        for group in range(self._footer.num_row_groups):
            statistics = self._footer.row_group(group).column(place).statistics
            if statistics is not None and statistics.has_min_max:
                yield statistics.min, statistics.max
            else:
                yield None, None

    def find(
        self, value: str, columns: Sequence[str], equals: Mapping[str, str]
    ) -> pa.Table | None:
        for group, (low, high) in enumerate(self._bounds):
            if not _within(value, low, high):
                continue
            # A reader is cheap to make of a footer that is parsed, and not made to be shared.
            reader = pq.ParquetFile(
                self._source, metadata=self._footer, read_dictionary=self._texts
            )
            keys = reader.read_row_group(group, [self._key, *equals], use_threads=False)
            place = _find_row(keys, value.encode(), equals)
            if place is not None:
                leaves = [self._leaves[name] for name in columns]
                whole = reader.read_row_group(group, leaves, use_threads=False)
                return whole.slice(place, 1)
        return None


def _find_row(keys: pa.Table, value: bytes, equals: Mapping[str, str]) -> int | None:
    """The row with that key, which is the first column, and those values of others."""
    first = 0
    for chunk in keys.column(0).chunks:
        for place in _places(chunk, value):
            row = first + place
            if all(keys[name][row].as_py() == wanted for name, wanted in equals.items()):
                return row
        first += len(chunk)
    return None


def _places(texts: pa.StringArray, value: bytes) -> Iterator[int]:
    """Where in an array a text that is not empty stands.

    Looked for in the bytes of the array: a list of a thousand texts takes five times as long to make as they
    take to decode, and pyarrow's own functions import pandas.
    """
    _, offsets, data = texts.buffers()
    if not value or data is None:
        return
    starts = memoryview(offsets).cast("i")[texts.offset : texts.offset + len(texts) + 1]
    joined = memoryview(data)[: starts[-1]].tobytes()
    at = joined.find(value, starts[0])
    while at >= 0:
        place = bisect_right(starts, at) - 1
        if starts[place] == at and starts[place + 1] == at + len(value):
            yield place
        at = joined.find(value, at + 1)


def _columns(footer: pq.FileMetaData) -> Iterator[pq.ColumnSchema]:
    return (footer.schema.column(place) for place in range(footer.num_columns))


def _within(value: str, low: str | None, high: str | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)
