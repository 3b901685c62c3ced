"""Accepted rows on their way to `events`: files in which they wait until the whole input is judged.

A task writes the rows that it accepts to a file of its own, in batches that are each sorted by day, and
returns where it lies and how many rows there are of each day. From these the driver cuts buckets: ranges
of days that make a file of `events` each. All rows with one key are in one bucket, so that a task that
gathers a bucket sees every copy of its events. Nothing is shuffled, and nothing but counts passes
through the driver.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.engine.storage import attempt_folder
from toplists.ingest.identity import as_column, as_digests, hash_content, hash_ids
from toplists.ingest.plain import ACCEPTED
from toplists.ingest.source import SourceKind
from toplists.ingest.times import EPOCH
from toplists.lake.failpoints import written

NO_DAY = -1
"""The day of an event without a time, and of one with a given id, whose versions may differ in theirs."""

# `key` is what rows of one event share (before they are told apart by their ordinals): the hash of the
# content, or of the given id; `content` is the former, null where it is the key. `day` counts from 1970.
STAGED = pa.schema(
    [
        *ACCEPTED,
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("content", pa.binary(16)),
        pa.field("day", pa.int32(), nullable=False),
    ]
)

_FILE = "rows.arrow"


@dataclass(frozen=True)
class StagedFile:
    """The accepted rows of one task.

    Attributes:
        path: Where they lie; empty where there are none.
        rows: How many there are.
        newest: Microseconds since 1970 of the newest event, if any has a time.
        days: Rows by day, each day once, in order.
    """

    path: str
    rows: int
    newest: int | None
    days: tuple[tuple[int, int], ...]

    def to_json(self) -> str:
        """As text, which a task can return as a field of a row."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StagedFile:
        """What `to_json` wrote."""
        stored = json.loads(text)
        return cls(**{**stored, "days": tuple(map(tuple, stored["days"]))})


@dataclass(frozen=True)
class Bucket:
    """The rows of days `first` to `last`, of them those whose key is in part `part` of `parts`."""

    first: int
    last: int
    part: int = 0
    parts: int = 1


def newest_of(files: Iterable[StagedFile]) -> int | None:
    """The time of the newest row, in microseconds since 1970; `None` where none has one."""
    return max((one.newest for one in files if one.newest is not None), default=None)


def as_time(micros: int | None) -> datetime | None:
    """The instant that is so many microseconds after 1970."""
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


class Stage:
    """Writes the accepted rows of one task; as a context, it is closed at its end."""

    def __init__(self, folder: str, name: str, source: SourceKind) -> None:
        """A stage in `folder`, which every executor sees; a task with several gives each a name."""
        self._folder, self._name, self._source = folder, name, source
        self._path = ""
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._rows = 0
        self._newest: int | None = None
        self._days: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, rows: pa.RecordBatch) -> None:
        """Write a batch of `ACCEPTED`."""
        if not len(rows):
            return
        staged = _staged(rows, self._source)
        with written("staged rows"):
            if self._writer is None:
                self._path = str(attempt_folder(self._folder, self._name) / _FILE)
                self._writer = pa.ipc.new_file(self._path, STAGED)
            self._writer.write_batch(staged)
        self._rows += len(staged)
        days, counts = np.unique(staged["day"].to_numpy(), return_counts=True)
        self._days.update(dict(zip(days.tolist(), counts.tolist(), strict=True)))
        newest = pc.max(rows["event_time"].cast(pa.int64())).as_py()
        if newest is not None:
            self._newest = max(newest, self._newest or newest)

    def close(self) -> StagedFile:
        """Complete the file, if it is not yet; what is in it."""
        if self._writer is not None:
            with written("staged rows"):
                self._writer.close()
            self._writer = None
        days = tuple(sorted(self._days.items()))
        return StagedFile(self._path, self._rows, self._newest, days)


def _staged(rows: pa.RecordBatch, source: SourceKind) -> pa.RecordBatch:
    contents = as_column(hash_content(rows, source))
    given = rows["event_id"].is_valid()
    days = rows["event_time"].cast(pa.date32()).cast(pa.int32()).fill_null(NO_DAY)
    keys, content = contents, pa.nulls(len(rows), pa.binary(16))
    if pc.any(given).as_py():
        keys = pc.if_else(given, as_column(hash_ids(rows["event_id"].fill_null(""))), contents)
        content = pc.if_else(given, contents, content)
        days = pc.if_else(given, NO_DAY, days).cast(pa.int32())
    staged = pa.RecordBatch.from_arrays([*rows.columns, keys, content, days], schema=STAGED)
    order = np.argsort(days.to_numpy(), kind="stable")
    return staged.take(pa.array(order))


def cut_buckets(files: Sequence[StagedFile], rows_per_bucket: int) -> list[Bucket]:
    """Buckets of about `rows_per_bucket` rows: ranges of whole days, and days with more in parts."""
    days: Counter[int] = Counter()
    for one in files:
        days.update(dict(one.days))
    buckets: list[Bucket] = []
    open_days: list[int] = []
    held = 0
    for day, rows in sorted(days.items()):
        alone = day == NO_DAY or rows > rows_per_bucket
        if open_days and (alone or held + rows > rows_per_bucket):
            buckets.append(Bucket(open_days[0], open_days[-1]))
            open_days, held = [], 0
        if alone:
            parts = -(-rows // rows_per_bucket)
            buckets += [Bucket(day, day, part, parts) for part in range(parts)]
        else:
            open_days.append(day)
            held += rows
    if open_days:
        buckets.append(Bucket(open_days[0], open_days[-1]))
    return buckets


def paths_of(bucket: Bucket, files: Sequence[StagedFile]) -> list[str]:
    """Where the rows of a bucket lie: the files with rows of one of its days."""
    return [one.path for one in files if _has_day(one, bucket)]


def _has_day(file: StagedFile, bucket: Bucket) -> bool:
    at = bisect_left(file.days, bucket.first, key=itemgetter(0))
    return at < len(file.days) and file.days[at][0] <= bucket.last


def gather(bucket: Bucket, paths: Sequence[str]) -> pa.Table:
    """The rows of a bucket, as `STAGED`; `paths` are those of `paths_of`, or more."""
    found = [batch for path in paths for batch in _within(bucket, Path(path))]
    return pa.Table.from_batches(found, STAGED)


def _within(bucket: Bucket, path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as mapped:
        reader = pa.ipc.open_file(mapped)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            days = batch["day"].to_numpy()
            start = np.searchsorted(days, bucket.first, side="left")
            stop = np.searchsorted(days, bucket.last, side="right")
            rows = batch.slice(start, stop - start)
            if bucket.parts > 1:
                rows = rows.filter(pa.array(_part_of(rows["key"], bucket.parts) == bucket.part))
            if len(rows):
                yield rows


def _part_of(keys: pa.FixedSizeBinaryArray, parts: int) -> npt.NDArray[np.int64]:
    """Which of `parts` equal ranges of keys each key is in."""
    number = as_digests(keys)[:, :4].copy().view(">u4")[:, 0].astype(np.int64)
    part: npt.NDArray[np.int64] = number * parts >> 32
    return part
