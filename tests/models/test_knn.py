"""Neighbours that rank: what a fit's lists are made of, against dense arithmetic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conformance import World, fit, parameters, random_world, training_data, write_world
from pyspark.sql import functions as F
from sessions_by_hand import liked_by_session

from toplists.errors import InputRefusedError
from toplists.models.markov import count_steps, newest_likings
from toplists.models.registry import make_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORLD = random_world(users=20, items=12)
LIKED = np.nan_to_num(WORLD.weights)
TOGETHER = LIKED.T @ LIKED
N_USERS, N_ITEMS = LIKED.shape


def scores(spark: SparkSession, folder: Path, name: str, **settings: object) -> np.ndarray:
    """Of every item for every user, also of seen ones; 0 where there is none."""
    made = fit(spark, folder, name, WORLD, cuts=([], []), changed=settings)
    found = made.select(N_ITEMS, seen=False).target_scores.reshape(N_USERS, N_ITEMS)
    return np.nan_to_num(found)


def strongest(weights: np.ndarray, k: int) -> np.ndarray:
    """The k highest of each row but the diagonal; ties go to the smaller position."""
    kept = np.zeros_like(weights)
    for row, own in enumerate(weights):
        order = [o for o in np.argsort(-own.astype(np.float32), kind="stable") if o != row]
        kept[row, order[:k]] = own[order[:k]]
    return kept


def test_items_are_as_likely_as_what_was_liked_says(spark: SparkSession, tmp_path: Path) -> None:
    # P(item | liked), of the 5 likings that say most of each item.
    likely = strongest(TOGETHER / np.maximum(LIKED.sum(axis=0), 1), 5)
    found = scores(
        spark, tmp_path, "item_knn", measure="conditional_probability", shrinkage=0, neighbours=5
    )
    np.testing.assert_allclose(found, LIKED @ likely.T, rtol=1e-5)


def test_users_like_what_those_like_who_are_nearest(spark: SparkSession, tmp_path: Path) -> None:
    common = LIKED @ LIKED.T
    sizes = LIKED.sum(axis=1)
    jaccard = common / (sizes[:, np.newaxis] + sizes - common)
    found = scores(spark, tmp_path, "user_knn", measure="jaccard", shrinkage=0, neighbours=6)
    np.testing.assert_allclose(found, strongest(jaccard, 6) @ LIKED, rtol=1e-5)


def test_walks_end_where_their_steps_lead(spark: SparkSession, tmp_path: Path) -> None:
    to_users = LIKED.T / np.maximum(LIKED.sum(axis=0)[:, np.newaxis], 1)
    to_items = LIKED / np.maximum(LIKED.sum(axis=1)[:, np.newaxis], 1)
    walks = (to_users @ to_items) / np.maximum(LIKED.sum(axis=0), 1) ** 0.6
    found = scores(spark, tmp_path, "rp3beta", neighbours=N_ITEMS)
    np.testing.assert_allclose(found, LIKED @ strongest(walks, N_ITEMS), rtol=1e-5)


def newest_likings_of(most: int) -> np.ndarray:
    newest = np.where(LIKED > 0, WORLD.times, -np.inf)
    kept: np.ndarray = LIKED * (newest >= np.sort(newest, axis=1)[:, [-most]])
    assert (kept.sum(axis=1) == np.minimum(LIKED.sum(axis=1), most)).all()
    return kept


def test_of_heavy_users_the_newest_likings_count(spark: SparkSession, tmp_path: Path) -> None:
    kept = newest_likings_of(3)
    found = scores(
        spark, tmp_path, "item_knn", measure="co_occurrence", cap=3, shrinkage=0, neighbours=N_ITEMS
    )
    np.testing.assert_allclose(found, LIKED @ strongest(kept.T @ kept, N_ITEMS), rtol=1e-5)


def test_only_what_is_in_one_session_goes_together(spark: SparkSession, tmp_path: Path) -> None:
    sessions = liked_by_session(WORLD, 24).astype(float)
    assert len(sessions) > 2 * N_USERS
    together = strongest(sessions.T @ sessions, N_ITEMS)
    assert 0 < together.sum() < strongest(TOGETHER, N_ITEMS).sum()
    settings = {"measure": "co_occurrence", "shrinkage": 0, "session_gap_hours": 24}
    found = scores(spark, tmp_path / "knn", "item_knn", **settings, neighbours=N_ITEMS)
    np.testing.assert_allclose(found, LIKED @ together, rtol=1e-5)

    confidence = (sessions.T @ sessions) / sessions.sum(axis=0)
    lift = confidence / sessions.sum(axis=0)[:, np.newaxis] * len(sessions)
    rules = np.where((sessions.T @ sessions >= 2) & (lift >= 0.9), lift, 0)
    settings = {"score": "lift", "min_confidence": 0, "min_lift": 0.9, "session_gap_hours": 24}
    found = scores(spark, tmp_path / "rules", "association", **settings)
    np.testing.assert_allclose(found, LIKED @ strongest(rules, N_ITEMS).T, rtol=1e-5)


@pytest.mark.parametrize("score", ["confidence", "lift"])
def test_rules_are_supported_confident_and_more_than_chance(
    spark: SparkSession, tmp_path: Path, score: str
) -> None:
    sizes = LIKED.sum(axis=0)
    confidence = TOGETHER / sizes  # of the row, given the column
    lift = confidence / sizes[:, np.newaxis] * N_USERS
    holds = (TOGETHER >= 3) & (confidence >= 0.3) & (lift >= 1.1)
    assert 0 < holds.sum() < (TOGETHER >= 3).sum()
    rules = np.where(holds, confidence if score == "confidence" else lift, 0)
    found = scores(
        spark, tmp_path, "association", score=score, min_support=3, min_confidence=0.3, min_lift=1.1
    )
    np.testing.assert_allclose(found, LIKED @ strongest(rules, N_ITEMS).T, rtol=1e-5)


def test_rules_are_of_what_the_cap_leaves(spark: SparkSession, tmp_path: Path) -> None:
    kept = newest_likings_of(4)
    together, sizes = kept.T @ kept, kept.sum(axis=0)
    confidence = together / np.maximum(sizes, 1)
    lift = confidence / np.maximum(sizes[:, np.newaxis], 1) * N_USERS
    rules = np.where((together >= 2) & (lift >= 1.1), lift, 0)
    settings = {"score": "lift", "min_confidence": 0, "min_lift": 1.1, "cap": 4}
    found = scores(spark, tmp_path, "association", **settings)
    np.testing.assert_allclose(found, LIKED @ strongest(rules, N_ITEMS).T, rtol=1e-5)


def test_steps_follow_each_other_in_time(spark: SparkSession) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        *((0, item, day + timedelta(hours=hour)) for item, hour in ((2, 0), (0, 1), (1, 30))),
        *((1, item, day + timedelta(hours=hour)) for item, hour in ((2, 5), (0, 5))),  # at once
    ]
    timed = spark.createDataFrame(rows, "user_pos int, item_pos int, event_time timestamp")

    def steps(gap_hours: float | None) -> dict[tuple[int, int], float]:
        found = count_steps(timed, gap_hours, 1.0).collect()
        return {(row["other"], row["pos"]): row["weight"] for row in found}

    # 0 is left twice, 2 once; one is added to each.
    assert steps(None) == pytest.approx({(2, 0): 1 / 2, (0, 1): 1 / 3, (0, 2): 1 / 3})
    assert steps(29) == steps(None)
    assert steps(28) == pytest.approx({(2, 0): 1 / 2, (0, 2): 1 / 2})
    newest = {
        (row["pos"], row["other"]): row["weight"] for row in newest_likings(timed, 2, 0.5).collect()
    }
    assert newest == {(0, 1): 1.0, (0, 0): 0.5, (1, 2): 1.0, (1, 0): 0.5}


@pytest.mark.parametrize("name", ["item_knn", "user_knn"])
def test_measures_of_values_need_values(spark: SparkSession, tmp_path: Path, name: str) -> None:
    world = World(WORLD.values, with_values=False)
    with pytest.raises(InputRefusedError, match=rf"{name}\[measure=pearson\] learns from values"):
        fit(spark, tmp_path, name, world, changed={"measure": "pearson"})


@pytest.mark.parametrize("name", ["item_knn", "association"])
def test_sessions_need_times(spark: SparkSession, tmp_path: Path, name: str) -> None:
    model = make_model(name, parameters(name, {"session_gap_hours": 0.5}))
    written = write_world(tmp_path / "blocks", WORLD)
    data = training_data(spark, written, tmp_path / "model", values=False)
    timeless = data.interactions.withColumn("event_time", F.lit(None).cast("timestamp"))
    with pytest.raises(InputRefusedError, match=rf"{name}\[session_gap_hours=0.5\] .* null\."):
        model.fit(replace(data, interactions=timeless))
