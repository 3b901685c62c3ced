"""How what a run learnt from differs from what the live run learnt from.

The stored snapshots of both are looked at: how active users are, how values are distributed, and which
users and items are new. Everything is counted, not estimated, so that the figures have no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.dataset.stability import merge_bins, stability_index
from toplists.engine.tasks import run_tasks
from toplists.evaluation.comparison import LIVE, SNAPSHOT, Figure
from toplists.evaluation.user_ranges import UserRange, read_columns

Count: TypeAlias = tuple[str, int, int, int]
"""What was counted: its name, a bin of it, and how many the run has in that bin and the live run."""

Numbers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_SCHEMA = "name string, bin long, now long, before long"
_BINS_PER_OCTAVE = 8  # ratings from 1 to 10 have a bin each


@dataclass(frozen=True)
class SnapshotFiles:
    """The Parquet files of a run's snapshot.

    Attributes:
        users: `[user_id: string, interactions: long]`, every user once.
        items: `[item_id: string]`, every item once.
        interactions: `[value: double]`, null where there is none.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    interactions: tuple[str, ...]


def measure_drift(
    spark: SparkSession, now: SnapshotFiles, before: SnapshotFiles, ranges: Sequence[UserRange]
) -> list[Figure]:
    """Compare the snapshots of a run and of the live one.

    Args:
        spark: The session.
        now: Where the run's lies.
        before: Where the live one's lies.
        ranges: Of users, all together; a task looks at each.

    Returns:
        `new_users` and `new_items`, shares of the run's own; `activity_psi`, the population stability
        index of users by the logarithm of their interactions; and `values_psi`, that of the values of
        interactions, where there are values. None where a snapshot has no users.
    """
    pieces: list[partial[list[Count]]] = [
        *(partial(count_users, now.users, before.users, within) for within in ranges),
        partial(count_items, now.items, before.items),
        *(partial(count_values, file, 0) for file in now.interactions),
        *(partial(count_values, file, 1) for file in before.interactions),
    ]

    def count(piece: partial[list[Count]]) -> Iterator[pa.RecordBatch]:
        names, bins, *sides = zip(*piece(), strict=True)
        columns = [
            pa.array(names, pa.string()),
            *(pa.array(one, pa.int64()) for one in (bins, *sides)),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=["name", "bin", "now", "before"])

    counts: dict[str, dict[int, tuple[int, int]]] = {}
    for row in run_tasks(spark, pieces, count, _SCHEMA).collect():
        of_name = counts.setdefault(row["name"], {})
        one, other = of_name.get(row["bin"], (0, 0))
        of_name[row["bin"]] = (one + row["now"], other + row["before"])
    return drift_figures(counts)


def count_users(now: Sequence[str], before: Sequence[str], within: UserRange) -> list[Count]:
    """Users of a range in either snapshot, those in one of them, and both by their interactions."""
    columns = ["user_id", "interactions"]
    tables = [read_columns(files, columns, within) for files in (now, before)]
    counts = [*_count_ids("users", *(table["user_id"] for table in tables))]
    for side, table in enumerate(tables):
        octaves = np.log2(np.maximum(table["interactions"].to_numpy(), 1)).astype(np.int64)
        counts += _count_bins("activity", octaves, np.ones_like(octaves), side)
    return counts


def count_items(now: Sequence[str], before: Sequence[str]) -> list[Count]:
    """Items in either snapshot, and those in one of them."""
    ids = (read_columns(files, ["item_id"])["item_id"] for files in (now, before))
    return _count_ids("items", *ids)


def count_values(file: str, side: int) -> list[Count]:
    """The values of a file of a snapshot, the run's own (side 0) or the live one's (1), in bins."""
    counts = [("values", 0, 0, 0)]
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(columns=["value"]):
            found = pc.value_counts(batch.column(0).drop_null())
            values, numbers = (found.field(name).to_numpy() for name in ("values", "counts"))
            counts += _count_bins("values", _narrow_bins(values), numbers, side)
    return counts


def _narrow_bins(values: Floats) -> Numbers:
    """A bin for each value, in the order of values: an eighth of an octave wide, zero by itself."""
    with np.errstate(divide="ignore"):
        octaves = np.log2(np.abs(values))
    size = np.floor(_BINS_PER_OCTAVE * np.where(values == 0.0, 0.0, octaves)).astype(np.int64)
    # No finite number is so small that its bin would come to zero or below.
    bins: Numbers = np.sign(values).astype(np.int64) * (10_000 + size)
    return bins


def _count_bins(name: str, bins: Numbers, numbers: Numbers, side: int) -> list[Count]:
    different, place = np.unique(bins, return_inverse=True)
    totals = np.bincount(place, weights=numbers, minlength=len(different)).astype(np.int64)
    pairs = zip(different.tolist(), totals.tolist(), strict=True)
    return [(name, bin_, *((n, 0) if side == 0 else (0, n))) for bin_, n in pairs]


def _count_ids(name: str, now: pa.ChunkedArray, before: pa.ChunkedArray) -> list[Count]:
    """How many ids there are (bin 0), and how many of them in one snapshot only (bin 1)."""
    return [
        (name, 0, len(now), len(before)),
        (name, 1, _missing(now, before), _missing(before, now)),
    ]


def _missing(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> int:
    """How many of the ids the others do not have."""
    known: int = pc.sum(pc.is_in(ids, others.combine_chunks())).as_py() or 0
    return len(ids) - known


def drift_figures(counts: Mapping[str, Mapping[int, tuple[int, int]]]) -> list[Figure]:
    """The figures that follow from the counts of all tasks, by name and bin: the run's, the live one's."""
    users, users_before = counts["users"][0]
    if not users or not users_before:
        return []
    figures = []
    for name in ("users", "items"):
        total, apart = counts[name][0][0], counts[name][1][0]
        figures.append(_figure(f"new_{name}", apart / total, total))
    for name in ("activity", "values"):
        bins = [counts[name][bin_] for bin_ in sorted(counts[name])]
        if all(map(sum, zip(*bins, strict=True))):
            index = stability_index(merge_bins(bins))
            figures.append(_figure(f"{name}_psi", index, min(users, users_before)))
    return figures


def _figure(metric: str, value: float, users: int) -> Figure:
    return Figure(SNAPSHOT, metric, LIVE, value, nan, nan, users)
