"""Files of `events`, written by tasks: a bucket of staged rows, without the events that are there already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from toplists.ingest.identity import resolve
from toplists.ingest.source import SourceKind
from toplists.ingest.staging import NO_DAY, Bucket, gather
from toplists.ingest.times import EPOCH
from toplists.lake.adding import NewFile
from toplists.lake.failpoints import written
from toplists.lake.statistics import file_statistics
from toplists.lake.tables import EVENTS, VALUE_BELOW

_ROW_GROUP = 131_072
# Those whose values repeat; ids and hashes do not, and trying costs.
_DICTIONARIES = ["source", "load_id", "user_id", "item_id", "event_type", "value"]


@dataclass(frozen=True)
class Stored:
    """A file of `events`: the range of its days, and whether it holds events without one.

    `first` is after `last` where it has no event with a day.
    """

    path: str
    first: int
    last: int
    untimed: bool

    def may_hold(self, bucket: Bucket) -> bool:
        """Whether an event of the bucket, known by its content, could be in it."""
        if bucket.first == NO_DAY:
            return self.untimed
        return self.first <= bucket.last and bucket.first <= self.last


def stored_files(events: DeltaTable) -> list[Stored]:
    """The files of the table; where a file's statistics do not tell, it may hold anything."""
    root = Path(unquote(events.table_uri.removeprefix("file://")))
    added = pa.table(events.get_add_actions(flatten=True)).to_pylist()
    return [_stored(root, one) for one in added]


def _stored(root: Path, added: dict[str, Any]) -> Stored:
    nulls, rows = added.get("null_count.event_date"), added.get("num_records")
    low, high = added.get("min.event_date"), added.get("max.event_date")
    path = str(root / unquote(added["path"]))
    if nulls is None or rows is None or (low is None and nulls < rows):
        return Stored(path, NO_DAY, np.iinfo(np.int32).max, untimed=True)
    if low is None or high is None:
        return Stored(path, 0, NO_DAY, untimed=True)
    first = EPOCH.date()
    return Stored(path, (low - first).days, (high - first).days, untimed=nulls > 0)


def event_rows(
    bucket: Bucket, staged: Sequence[str], load_id: str, source: SourceKind
) -> tuple[pa.Table, npt.NDArray[np.uint64]]:
    """The events of a bucket with the columns of `events`, each once; and the hashes of their ids."""
    found, hashes = resolve(gather(bucket, staged))
    named = {name: found[name] for name in found.column_names}
    named["source"] = pa.repeat(pa.scalar(source), len(found))
    named["load_id"] = pa.repeat(pa.scalar(load_id), len(found))
    named["event_date"] = found["event_time"].cast(pa.date32())
    return pa.table({name: named[name] for name in EVENTS.column_names}), hashes


def write_new_events(
    bucket: Bucket,
    staged: Sequence[str],
    stored: Sequence[str],
    folder: str,
    load_id: str,
    source: SourceKind,
) -> Iterator[pa.RecordBatch]:
    """Write those events of a bucket that no stored file has, sorted by day and id.

    Args:
        bucket: Of events that are known by their content.
        staged: The files that hold its rows, among others.
        stored: Files of `events` that may hold some of them.
        folder: The folder of `events`.
        load_id: The load, noted on every row.
        source: Kind of the source.

    Returns:
        A row of `lake.adding.NEW_FILES`; none where all events are there.

    Raises:
        ValueError: a row breaks a constraint of `events`, which no judged row does.
    """
    rows, hashes = event_rows(bucket, staged, load_id, source)
    known = np.zeros(len(rows), dtype=np.bool_)
    for file in stored:
        ids = pq.read_table(file, columns=["event_id"], partitioning=None)["event_id"]
        known |= pc.is_in(rows["event_id"], ids.cast(pa.string())).to_numpy()
    new = np.flatnonzero(~known)
    if not len(new):
        return
    days = rows["event_date"].cast(pa.int32()).fill_null(NO_DAY).to_numpy()
    order = new[np.lexsort((hashes[new], days[new]))]
    rows = rows.take(pa.array(order))
    _require_constraints(rows)
    name = f"part-{bucket.first:05d}-{bucket.part:05d}-{uuid4()}.snappy.parquet"
    path = Path(folder) / name
    with written(f"file of {EVENTS.name}"):
        pq.write_table(
            rows,
            path,
            row_group_size=_ROW_GROUP,
            use_dictionary=_DICTIONARIES,
            compression="snappy",
        )
    stats = json.dumps(file_statistics(rows), allow_nan=False)
    yield NewFile(name, path.stat().st_size, len(rows), stats).to_batch()


def _require_constraints(rows: pa.Table) -> None:
    """Check what a writer of Delta would: nobody else does for files that are only added."""
    broken = [
        column.name
        for column in EVENTS.columns
        if not column.nullable and rows[column.name].null_count
    ]
    broken += [name for name in ("user_id", "item_id") if pc.any(pc.equal(rows[name], "")).as_py()]
    # A NaN is not below either.
    if pc.all(pc.less(pc.abs(rows["value"]), VALUE_BELOW)).as_py() is False:
        broken.append("value")
    if broken:
        raise ValueError(f"{', '.join(broken)} of new events break a constraint of {EVENTS.name}")
