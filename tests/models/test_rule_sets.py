"""Rules with several items on the left, against all sets of items one by one."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conformance import Made, World, fit, random_world, select
from sessions_by_hand import liked_by_session

from toplists.engine.shapes import Transitions
from toplists.lake.dataset import Dataset
from toplists.models.store import load_shape, save_shape

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORLD = random_world(users=20, items=9)
LIKED = np.nan_to_num(WORLD.weights) > 0
N_USERS, N_ITEMS = LIKED.shape


def expected(baskets: np.ndarray, score: str, settings: dict[str, Any]) -> np.ndarray:
    """The sum of the rules that hold and whose left side a user likes, for what the user does not."""
    found = np.zeros(LIKED.shape)
    for size in range(1, settings["max_antecedents"] + 1):
        for left in combinations(range(N_ITEMS), size):
            have_left = baskets[:, left].all(axis=1)
            for item in set(range(N_ITEMS)) - set(left):
                support = np.count_nonzero(have_left & baskets[:, item])
                if support < settings["min_support"]:
                    continue
                confidence = support / np.count_nonzero(have_left)
                lift = confidence / baskets[:, item].mean()
                if confidence >= settings["min_confidence"] and lift >= settings["min_lift"]:
                    said = LIKED[:, left].all(axis=1) & ~LIKED[:, item]
                    found[said, item] += confidence if score == "confidence" else lift
    return found


def scores(made: Made) -> np.ndarray:
    found = made.select(N_ITEMS, seen=False).target_scores.reshape(N_USERS, N_ITEMS)
    return np.nan_to_num(found)


@pytest.mark.parametrize(
    ("score", "gap_hours", "most"),
    [("confidence", None, 2), ("lift", None, 3), ("confidence", 30.0, 2)],
)
def test_rules_of_several_items_say_what_they_do(
    spark: SparkSession, tmp_path: Path, score: str, gap_hours: float | None, most: int
) -> None:
    settings = {
        "max_antecedents": most,
        "min_support": 3 if gap_hours is None else 2,
        "min_confidence": 0.4,
        "min_lift": 1.05,
    }
    baskets = LIKED if gap_hours is None else liked_by_session(WORLD, gap_hours)
    wanted = expected(baskets, score, settings)
    assert np.count_nonzero(wanted) > N_USERS
    assert not np.allclose(wanted, expected(baskets, score, {**settings, "max_antecedents": 1}))
    changed = {**settings, "score": score, "session_gap_hours": gap_hours, "neighbours": 1000}
    made = fit(spark, tmp_path, "association", WORLD, changed=changed, cuts=([16], []))
    np.testing.assert_allclose(scores(made), wanted, rtol=1e-5)


def test_of_heavy_users_the_newest_likings_go_together(spark: SparkSession, tmp_path: Path) -> None:
    newest = np.where(LIKED, WORLD.times, -np.inf)
    baskets = LIKED & (newest >= np.sort(newest, axis=1)[:, [-3]])
    assert (baskets.sum(axis=1) == np.minimum(LIKED.sum(axis=1), 3)).all()
    settings = {"max_antecedents": 2, "min_support": 2, "min_confidence": 0.3, "min_lift": 0.5}
    wanted = expected(baskets, "confidence", settings)
    assert np.count_nonzero(wanted)
    changed = {**settings, "score": "confidence", "neighbours": 1000, "cap": 3}
    made = fit(spark, tmp_path, "association", WORLD, changed=changed, cuts=([16], []))
    np.testing.assert_allclose(scores(made), wanted, rtol=1e-5)


def test_a_cap_bounds_what_heavy_users_who_agree_bring(spark: SparkSession, tmp_path: Path) -> None:
    # Two users like all 60 items: each of their 2^60 sets has the support, more than can be gone through.
    values = np.full((41, 60), np.nan)
    values[[0, 40]] = 5.0  # at the same times: the newest four are items 0, 1, 40 and 41 of both
    values[1, :2] = 5.0
    changed = {"max_antecedents": 2, "min_support": 2, "min_lift": 0.0, "cap": 4}
    made = fit(spark, tmp_path, "association", World(values), changed=changed)
    told = made.select(60, seen=False).target_scores.reshape(41, 60)[1]
    # Three rules lead to each of the other two: from 0, from 1 and from both, two of three times.
    assert np.flatnonzero(np.nan_to_num(told)).tolist() == [40, 41]
    assert told[[40, 41]] == pytest.approx([2.0, 2.0])


def test_where_nothing_is_liked_there_are_no_rules(spark: SparkSession, tmp_path: Path) -> None:
    world = World(np.full((3, 4), 2.0))
    made = fit(spark, tmp_path, "association", world, changed={"max_antecedents": 2})
    assert (made.select(2, seen=False).items == -1).all()


def test_they_come_back_as_they_were_saved(
    spark: SparkSession, no_rows: Path, tmp_path: Path
) -> None:
    made = fit(
        spark,
        tmp_path / "fit",
        "association",
        WORLD,
        changed={"max_antecedents": 2, "neighbours": 4},
    )
    assert isinstance(made.shape, Transitions)
    assert 0 < np.count_nonzero(scores(made), axis=1).max() <= 4
    dataset = Dataset.open(str(tmp_path / "lake"), "test")
    dataset.create_tables()
    save_shape(spark, made.shape, dataset, "m", made.users, made.items)
    again = load_shape(
        spark, dataset, made.shape.kind, "m", made.users, made.items, tmp_path / "again"
    )
    found = select(again, made.users, made.items, 5)
    assert np.array_equal(found.items, made.select(5).items)
