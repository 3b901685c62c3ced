"""Which run a night starts from; see also `test_nightly.py`."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
from worlds import NOW, World, two_tastes

from toplists.engine.shapes import Factors, open_shape, open_vectors
from toplists.lake.lease import hold_lease
from toplists.lake.tables import RUNS
from toplists.publish.publication import rollback

MORE = [f"u{user:02},i{(user * 11 + 5) % 40:02},5,2024-02-01T00:00:{user:02}" for user in range(40)]


def items_of(world: World, run_id: str, part: str = "all") -> np.ndarray:
    folder = world.dataset.work / run_id / "models" / f"{run_id}.personal.{part}"
    shape = open_shape(folder)
    assert isinstance(shape, Factors)
    return np.concatenate([open_vectors(part)[0] for part in shape.items])


@pytest.mark.long
def test_a_night_that_starts_from_nothing_ends_elsewhere(second_day: World) -> None:
    world = second_day
    source = world.feed([*two_tastes(), *MORE])
    world.night(source)
    warm = world.live()
    world.night(source, cold=True)
    assert (world.parent(world.live()), world.parent(warm) is None) == (None, False)
    assert not np.array_equal(items_of(world, world.live()), items_of(world, warm))


@pytest.mark.long
def test_a_run_that_was_declared_bad_is_nobodys_parent(second_day: World) -> None:
    world = second_day
    first = world.live()
    world.night(world.feed(MORE[:20], "second.csv"))
    second = world.live()
    third = world.feed(MORE[20:], "third.csv")
    # Begun while the second was live, and not published yet.
    world.night(third, publish=False)
    with hold_lease(world.dataset, "test") as lease:
        rollback(world.dataset, lease, now=NOW, to=None, mark_bad=True)
    world.night(third)
    assert world.live() != second
    assert world.parent(world.live()) == first


@pytest.mark.long
def test_a_fit_does_not_start_from_one_that_learnt_what_is_held_out(second_day: World) -> None:
    world = second_day
    start = world.dataset.work / world.live() / "models" / f"{world.live()}.personal.train"
    assert start.is_dir()
    # Every user comes back to an item of the training part, which is held out by that.
    again = [f"{','.join(line.split(',')[:2])},5,2024-02-02T00:00:00" for line in two_tastes()[::3]]
    world.night(world.feed(again, "again.csv"))
    warm, run_id = items_of(world, world.live(), "train"), world.live()
    shutil.rmtree(world.dataset.root)
    world.night(world.feed([*two_tastes(), "zoe,i00,1,2024-01-01T00:00:00"]))
    world.night(world.feed(again, "again.csv"), cold=True)
    assert world.live() != run_id
    assert np.array_equal(items_of(world, world.live(), "train"), warm)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"name": "als", "als": {"rank": 5, "iterations": 3}}},  # other settings
        {
            "model": {
                "name": "als",
                "als": {"rank": 4, "iterations": 3, "regularization": 0.01, "cold_every": 1},
            }
        },
    ],
)
def test_what_cannot_be_started_from_is_not(second_day: World, changes: dict[str, Any]) -> None:
    second_day.night(second_day.feed(MORE, "more.csv"), publish=False, **changes)
    run_id = max(second_day.rows(RUNS, step="prepare", state="done"), key=lambda r: r["at"])[
        "run_id"
    ]
    assert run_id != second_day.live()
    assert second_day.parent(run_id) is None
