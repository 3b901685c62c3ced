"""Lists in the forms that stores take: bytes made of whole columns at a time.

A row is what its fields are, one behind the other; so rows are the columns of their fields, and a list is some
elements of a column that lie side by side. Columns say where their bytes are; nothing is copied before rows are
written, and then once. A text that occurs often is encoded once. Nothing goes through Python value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.engine.kernels.byte_pieces import put_picked, put_rows
from toplists.engine.kernels.checksums import checksums

_SLICE_BYTES = 16 << 20

Numbers: TypeAlias = npt.NDArray[np.integer]
Places: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """Rows of bytes.

    Attributes:
        values: uint8[…], values one behind the other.
        offsets: int64[k + 1], where each of them begins and ends.
        picked: Numbers of values, int32[…], those of one row behind those of the other; `None` = a row is a value.
        ends: int64[n + 1], where in `picked` those of each row begin and end.
    """

    values: npt.NDArray[np.uint8]
    offsets: Places
    picked: npt.NDArray[np.int32] | None = None
    ends: Places | None = None

    def __post_init__(self) -> None:
        # As buffers of Arrow are: kernels are compiled for each kind of array.
        for array in (self.values, self.offsets, self.picked, self.ends):
            if array is not None:
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.offsets if self.ends is None else self.ends) - 1

    @cached_property
    def sizes(self) -> Places:
        """How many bytes each row has."""
        sizes = np.diff(self.offsets)
        if self.picked is None or self.ends is None:
            return sizes
        return np.diff(_bounds(sizes[self.picked])[self.ends])

    def pick(self, places: Numbers) -> Column:
        """The values at `places`, each a row; of a column whose rows are values."""
        ends = np.arange(len(places) + 1)
        return Column(self.values, self.offsets, places.astype(np.int32, copy=False), ends)

    def gather(self, lengths: Places) -> Column:
        """Rows that lie one behind the other, put together list by list."""
        ends = _bounds(lengths)
        if self.picked is None or self.ends is None:
            return Column(self.values, self.offsets[ends])
        return Column(self.values, self.offsets, self.picked, self.ends[ends])

    def put(self, target: npt.NDArray[np.uint8], begins: Places, rows: Places) -> None:
        """Copy some of the rows to where they begin in `target`, and move `begins` behind them."""
        if self.picked is None or self.ends is None:
            put_rows(target, begins, rows, self.values, self.offsets)
        else:
            put_picked(target, begins, rows, self.values, self.offsets, self.picked, self.ends)


@dataclass(frozen=True)
class ListColumns:
    """The lists of a table, taken apart.

    Attributes:
        texts: Ids that occur.
        items: Which of them, of all lists, one list behind the other.
        scores: Their scores.
        lengths: Of each list.
        names: Sources that occur.
        sources: What is said of the sources: which is that of each run of items of the same source.
        counts: How long each run is.
        runs: How many runs each list has.
        reasons: Why each is short, or null.
    """

    texts: pa.Array
    items: Numbers
    scores: npt.NDArray[np.float64]
    lengths: Places
    names: pa.Array
    sources: Numbers
    counts: Places
    runs: Places
    reasons: pa.Array


def slices(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows, so many at a time that they stay far below what a column can hold (2 GiB), without a copy."""
    step = max(1, len(rows) * _SLICE_BYTES // max(1, rows.nbytes))
    for batch in rows.to_batches(max_chunksize=step):
        yield pa.Table.from_batches([batch])


def buckets_of(rows: pa.Table, key: str, buckets: int) -> npt.NDArray[np.int64]:
    """Into which of so many buckets each row goes by its key, see `layouts.bucket_of`."""
    keys = as_bytes(whole(rows[key]))
    return checksums(keys.values, keys.offsets).astype(np.int64) % buckets


def take_apart(rows: pa.Table) -> ListColumns:
    """The lists of `PartLists.rows`."""
    lists = whole(rows["items"])
    lengths = list_lengths(lists)
    entries = lists.flatten()
    items, sources = (coded(entries.field(name)) for name in ("item_id", "source"))
    codes = sources.indices.to_numpy()
    ends = _bounds(lengths)
    begins = np.ones(len(codes) + 1, np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=begins[1:-1])
    begins[ends] = True
    first = np.flatnonzero(begins)  # and the end of all
    return ListColumns(
        texts=items.dictionary,
        items=items.indices.to_numpy(),
        scores=entries.field("score").to_numpy(),
        lengths=lengths,
        names=sources.dictionary,
        sources=codes[first[:-1]],
        counts=np.diff(first),
        runs=np.diff(np.searchsorted(first, ends)),
        reasons=whole(rows["short_reason"]),
    )


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, without a copy if it is."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def coded(texts: pa.Array) -> pa.DictionaryArray:
    """Texts as numbers of those that occur."""
    return texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()


def list_lengths(lists: pa.ListArray) -> Places:
    """How long each list is."""
    lengths: Places = pc.list_value_length(lists).to_numpy().astype(np.int64)
    return lengths


def as_bytes(texts: pa.Array) -> Column:
    """Texts, none null, as the bytes of their UTF-8."""
    _, offsets, values = texts.buffers()
    if not len(texts) or values is None:
        return Column(np.empty(0, np.uint8), np.zeros(len(texts) + 1, np.int64))
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return Column(np.frombuffer(values, np.uint8), bounds.astype(np.int64))


def fixed(records: npt.NDArray[np.void]) -> Column:
    """Records of a packed type, each as its bytes."""
    offsets = np.arange(len(records) + 1, dtype=np.int64) * records.dtype.itemsize
    return Column(np.frombuffer(records, np.uint8), offsets)


def spelled(values: Sequence[bytes]) -> Column:
    """A row for each value."""
    offsets = _bounds(np.array([len(one) for one in values], np.int64))
    return Column(np.frombuffer(b"".join(values), np.uint8), offsets)


def by_value(values: Numbers, encode: Callable[[int], bytes]) -> Column:
    """What `encode` makes of each number, none negative; called once for each that occurs."""
    occurs = np.bincount(values) > 0
    encoded = [encode(int(one)) for one in np.flatnonzero(occurs)]
    return spelled(encoded).pick((np.cumsum(occurs) - 1)[values])


def by_text(texts: pa.Array, encode: Callable[[str], bytes], null: bytes) -> Column:
    """What `encode` makes of each text; called once for each that occurs."""
    found = coded(texts)
    encoded = [*map(encode, found.dictionary.to_pylist()), null]
    return spelled(encoded).pick(found.indices.fill_null(len(encoded) - 1).to_numpy())


def alike(rows: int, *columns: Column | bytes) -> list[Column]:
    """Columns of so many rows; those that are bytes are the same in each."""
    same = np.zeros(rows, np.int32)
    return [spelled([one]).pick(same) if isinstance(one, bytes) else one for one in columns]


def total(columns: Sequence[Column]) -> Places:
    """How many bytes each row of all columns together has."""
    sizes: Places = np.sum([column.sizes for column in columns], axis=0)
    return sizes


def join(*columns: Column) -> Column:
    """Columns put together, row by row."""
    offsets = _bounds(total(columns))
    target = np.empty(offsets[-1], np.uint8)
    begins, rows = offsets[:-1].copy(), np.arange(len(offsets) - 1)
    for column in columns:
        column.put(target, begins, rows)
    return Column(target, offsets)


def _bounds(sizes: Numbers) -> Places:
    """Where what is of these sizes begins and ends if it lies one behind the other."""
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds
