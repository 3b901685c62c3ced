"""A comparison and a study killed after each kind of write, and the same command again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from killing import left_behind, of_every_kind, restore
from studies import compare, tune
from worlds import World

from toplists.lake.bookkeeping import read_rows
from toplists.lake.tables import METRICS
from toplists.pipeline.comparing import Comparison
from toplists.pipeline.invariants.check import check_dataset

pytestmark = pytest.mark.long


def said(world: World, run_id: str) -> list[tuple[Any, ...]]:
    """The figures in the table."""
    rows = read_rows(world.dataset, METRICS, run_id=run_id)
    names = ("subject", "versus", "metric", "slice", "value", "low", "high", "users")
    return sorted(tuple(repr(row[name]) for name in names) for row in rows)


def test_a_comparison_killed_after_every_kind_of_write(
    second_day: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = second_day
    found: list[Comparison] = []
    states = left_behind(
        world,
        lambda: found.append(compare(world, "als, item_knn", "random_per_user(30%)")),
        monkeypatch,
        tmp_path / "states",
    )
    (whole,) = found
    expected = said(world, whole.comparison_id)
    assert len(states) > 10
    for moment, state in of_every_kind(states):
        restore(world, state)
        again = compare(world, "als, item_knn", "random_per_user(30%)")
        assert again.comparison_id == whole.comparison_id, moment
        assert said(world, whole.comparison_id) == expected, moment
        assert [f for f in check_dataset(world.dataset, keep_runs=2) if f.state != "holds"] == []


def test_a_study_killed_after_every_kind_of_write(
    second_day: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = second_day
    found: list[Any] = []
    states = left_behind(
        world, lambda: found.append(tune(world, trials=2)), monkeypatch, tmp_path / "states"
    )
    (whole,) = found
    expected = said(world, whole.study_id)
    assert len(states) > 10
    for moment, state in of_every_kind(states):
        restore(world, state)
        again = tune(world, trials=2)
        assert (again.study_id, again.best.name) == (whole.study_id, whole.best.name), moment
        assert said(world, whole.study_id) == expected, moment
        assert [f for f in check_dataset(world.dataset, keep_runs=2) if f.state != "holds"] == []
