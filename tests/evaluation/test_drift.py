"""How two snapshots differ: tiny tables, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.dataset.stability import stability_index
from toplists.evaluation.drift import SnapshotFiles, count_values, drift_figures, measure_drift
from toplists.evaluation.user_ranges import EVERYBODY, UserRange

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def stored(
    folder: Path, users: dict[str, int], items: list[str], values: list[float | None]
) -> SnapshotFiles:
    """A snapshot; its interactions lie in two files."""
    folder.mkdir()
    tables = {
        "users": {
            "user_id": pa.array(users, pa.string()),
            "interactions": pa.array(users.values(), pa.int64()),
        },
        "items": {"item_id": pa.array(items, pa.string())},
        "interactions-0": {"value": pa.array(values[::2], pa.float64())},
        "interactions-1": {"value": pa.array(values[1::2], pa.float64())},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    found = (
        tuple(sorted(str(path) for path in folder.glob(f"{name}*")))
        for name in ("users", "items", "interactions")
    )
    return SnapshotFiles(*found)


def test_ids_activity_and_values_are_counted(spark: SparkSession, tmp_path: Path) -> None:
    # ada has three interactions now, which is another octave; eva is new, bob is gone.
    before = stored(tmp_path / "a", {"ada": 1, "bob": 1}, ["x", "y"], [4.0, 5.0, None, 4.0])
    now = stored(tmp_path / "b", {"ada": 3, "eva": 1, "zoe": 1}, ["x", "z"], [4.0, 5.0, 5.0])
    for ranges in ([EVERYBODY], [UserRange(None, "bob"), UserRange("bob")]):
        figures = measure_drift(spark, now, before, ranges)
        found = {one.metric: one.value for one in figures}
        assert found == pytest.approx(
            {
                "new_users": 2 / 3,
                "new_items": 1 / 2,
                "activity_psi": stability_index([(2, 2), (1, 0)]),
                "values_psi": stability_index([(1, 2), (2, 1)]),
            }
        )
        assert {(one.subject, one.versus) for one in figures} == {("snapshot", "live")}
        assert {one.metric: one.users for one in figures} == {
            "new_users": 3,
            "new_items": 2,
            "activity_psi": 2,
            "values_psi": 2,
        }


def test_no_values_no_figure_of_them(spark: SparkSession, tmp_path: Path) -> None:
    snapshot = stored(tmp_path / "a", {"ada": 1}, ["x"], [None, None])
    figures = measure_drift(spark, snapshot, snapshot, [EVERYBODY])
    assert {one.metric: one.value for one in figures} == {
        "new_users": 0.0,
        "new_items": 0.0,
        "activity_psi": 0.0,
    }


def test_bins_are_in_the_order_of_values_and_tell_ratings_apart(tmp_path: Path) -> None:
    values = [-1e30, -5.0, -1e-300, 0.0, 1e-300, *map(float, range(1, 11)), 1e30]
    pq.write_table(pa.table({"value": values}), tmp_path / "values.parquet")
    counts = count_values(str(tmp_path / "values.parquet"), 0)
    bins = [bin_ for _, bin_, now, _ in counts if now]
    assert len(bins) == len(values)
    alone = []
    for value in values:
        pq.write_table(pa.table({"value": [value]}), tmp_path / "value.parquet")
        alone += [
            bin_ for _, bin_, now, _ in count_values(str(tmp_path / "value.parquet"), 0) if now
        ]
    assert alone == sorted(alone)
    assert (np.diff(alone) > 0).all()


def test_a_snapshot_without_users_is_not_compared() -> None:
    nobody = {"users": {0: (0, 3), 1: (0, 3)}, "items": {0: (0, 0), 1: (0, 0)}}
    assert drift_figures(nobody) == []
