"""Putting small files together, by delta-rs: no Spark job, and readers notice nothing.

Tables that are partitioned by run, model or load are written once and stay as they are; published
lists above all, whose small row groups a look-up needs. `events` is sorted by its day, so that a load of
some days touches the files of these days only; where its files overlap too much it is sorted anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table
from toplists.lake.tables import EVENTS

SORTED_BY = {EVENTS.name: "event_date"}
"""Tables whose files hold disjoint ranges of a column, as long as they can."""

_MAX_OVERLAPS = 4.0
_SPILL_BYTES = 512 * 2**20
_MIB = 2**20
_WRITABLE_FEATURES = frozenset({"appendOnly", "invariants", "checkConstraints", "timestampNtz"})
_WRITABLE_VERSION = 3


@dataclass(frozen=True)
class Compaction:
    """What is to be done with the files of a table.

    `files` are there; `small` of them would be put together; `sort` says that all are sorted anew.
    """

    files: int
    small: int
    sort: bool

    @property
    def needed(self) -> bool:
        """Whether anything is to be done."""
        return self.sort or self.small > 1


def why_left_alone(opened: DeltaTable) -> str | None:
    """Why delta-rs must not rewrite a table; `None` where it may.

    A table feature that was switched on from Spark, such as deletion vectors, would be lost or refused.
    """
    protocol = opened.protocol()
    features = frozenset(protocol.writer_features or ())
    if protocol.min_reader_version > 1 or features - _WRITABLE_FEATURES:
        named = sorted(features - _WRITABLE_FEATURES) or [f"reader {protocol.min_reader_version}"]
        return f"needs {', '.join(named)}"
    if protocol.min_writer_version > _WRITABLE_VERSION and not protocol.writer_features:
        return f"needs writer version {protocol.min_writer_version}"
    return None


def plan_compaction(opened: DeltaTable, table: Table, target_mb: int) -> Compaction:
    """What compaction would do; nothing for tables that are written by partitions."""
    files = _files(opened)
    if table.partition_by:
        return Compaction(len(files), 0, sort=False)
    small = [file for file in files if file["size_bytes"] < target_mb * _MIB // 2]
    column = SORTED_BY.get(table.name)
    overlapping = column is not None and mean_overlaps(_ranges(files, column)) > _MAX_OVERLAPS
    return Compaction(len(files), len(small), sort=overlapping)


def compact_table(dataset: Dataset, table: Table, plan: Compaction, target_mb: int) -> int:
    """Do what was planned, in one commit that changes no row; how many files there are then."""
    path, size = dataset.path(table), target_mb * _MIB
    if plan.sort:
        with written(f"sorting of {table.name}"):
            DeltaTable(path).optimize.z_order(
                [SORTED_BY[table.name]], target_size=size, max_spill_size=_SPILL_BYTES
            )
    elif plan.needed:
        with written(f"compaction of {table.name}"):
            DeltaTable(path).optimize.compact(target_size=size)
    return len(_files(DeltaTable(path)))


def mean_overlaps(ranges: Sequence[tuple[Any, Any]]) -> float:
    """With how many others a range overlaps on average; touching ones do not.

    Args:
        ranges: Least and greatest value of each.
    """
    if not ranges:
        return 0.0
    lows, highs = sorted(low for low, _ in ranges), sorted(high for _, high in ranges)
    points = Counter(low for low, high in ranges if low == high)
    overlaps = 0
    for low, high in ranges:
        begun_before_its_end, ended_by_its_start = bisect_left(lows, high), bisect_right(highs, low)
        overlaps += begun_before_its_end - ended_by_its_start
        # A range with a width has begun itself; single values have ended, those beside this one too.
        overlaps += points[low] if low == high else -1
    return overlaps / len(ranges)


def _files(opened: DeltaTable) -> list[dict[str, Any]]:
    return list(pa.table(opened.get_add_actions(flatten=True)).to_pylist())


def _ranges(files: Sequence[dict[str, Any]], column: str) -> list[tuple[Any, Any]]:
    """Least and greatest value of the files that have any."""
    bounds = [(file.get(f"min.{column}"), file.get(f"max.{column}")) for file in files]
    return [(low, high) for low, high in bounds if low is not None and high is not None]
