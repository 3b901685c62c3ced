"""The first release's lake, upgraded, goes on: a night on it, and all that must hold afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from first_light import RUNS, unpack_first_light
from worlds import World, two_tastes

from toplists.lake.pointer import read_pointer
from toplists.lake.upgrade import upgrade
from toplists.pipeline.invariants.check import check_dataset

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_an_upgraded_lake_takes_a_new_night(spark: SparkSession, tmp_path: Path) -> None:
    world = World(unpack_first_light(tmp_path / "lake"), spark, tmp_path)
    upgrade(world.dataset)
    before = world.lists(RUNS[-1])
    # Half of it was loaded by the first release, and counts as repeated.
    more = [f"u{user:02},i{(user + 3) % 40:02},5,2024-01-25T00:00:00" for user in range(0, 60, 2)]
    world.night(world.feed([*two_tastes()[:30], *more]))
    assert read_pointer(world.dataset).runs_newest_first() == [world.live(), RUNS[-1], RUNS[0]]
    assert world.lists(RUNS[-1]) == before
    findings = check_dataset(world.dataset, keep_runs=2)  # the settings of these worlds
    assert [finding for finding in findings if finding.state != "holds"] == []
