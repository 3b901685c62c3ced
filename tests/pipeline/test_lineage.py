"""Which run a night starts from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from worlds import NOW, World, two_tastes

from toplists.engine.shapes import Factors, item_factors, open_shape
from toplists.lake.lease import hold_lease
from toplists.lake.tables import RUNS
from toplists.publish.publication import rollback

MORE = [f"u{user:02},i{(user * 11 + 5) % 40:02},5,2024-02-01T00:00:{user:02}" for user in range(40)]


def parent(world: World, run_id: str) -> str | None:
    row = next(iter(world.rows(RUNS, run_id=run_id, step="prepare", state="done")))
    named: str | None = json.loads(row["inputs"]).get("parent")
    return named


def items_of(world: World, run_id: str) -> np.ndarray:
    folder = world.dataset.work / run_id / "models" / f"{run_id}.personal.all"
    shape = open_shape(folder)
    assert isinstance(shape, Factors)
    return item_factors(shape)[0]


def test_a_night_starts_from_the_run_before_unless_told_otherwise(second_day: World) -> None:
    world = second_day
    first = world.live()
    assert parent(world, first) is None
    source = world.feed([*two_tastes(), *MORE])

    world.night(source)
    second = world.live()
    assert parent(world, second) == first
    # The same command again is the same run, though the run before is another one now.
    assert "Nothing changed" in world.night(source)

    world.night(source, cold=True)
    cold = world.live()
    assert cold not in (first, second)
    assert parent(world, cold) is None
    assert not np.array_equal(items_of(world, cold), items_of(world, second))

    # A run that was declared bad is nobody's parent.
    with hold_lease(world.dataset, "test") as lease:
        rollback(world.dataset, lease, now=NOW, to=second, mark_bad=True)
    world.night(world.feed(MORE[:5], "third.csv"))
    assert parent(world, world.live()) == second


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"als": {"rank": 5, "iterations": 3}}},  # other settings
        {"model": {"als": {"rank": 4, "iterations": 3, "regularization": 0.01, "cold_every": 1}}},
    ],
)
def test_what_cannot_be_started_from_is_not(second_day: World, changes: dict[str, Any]) -> None:
    second_day.night(second_day.feed(MORE, "more.csv"), publish=False, **changes)
    run_id = max(second_day.rows(RUNS, step="prepare", state="done"), key=lambda r: r["at"])[
        "run_id"
    ]
    assert run_id != second_day.live()
    assert parent(second_day, run_id) is None
