"""item2vec: the sentences that it learns from, and what its parameters change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conformance import (
    World,
    fit,
    parameters,
    random_world,
    training_data,
    write_world,
)
from pyspark.sql import functions as F
from sessions_by_hand import sessions_by_hand

from toplists.config.model_next import Item2VecSettings
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.item2vec import Item2Vec
from toplists.models.registry import make_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORLD = random_world(users=20, items=12)


def brute(gap_hours: float | None) -> list[list[int]]:
    """Alone an item is no sentence."""
    return [items for items in sessions_by_hand(WORLD, gap_hours) if len(items) > 1]


def sentences(
    spark: SparkSession, folder: Path, *, timed: bool = True, **how: Any
) -> list[list[int]]:
    gap_hours, cuts = how.get("gap_hours"), how.get("cuts", ((), ()))
    data = training_data(spark, write_world(folder, WORLD, cuts), folder / "model", values=False)
    if not timed:
        timeless = data.interactions.withColumn("event_time", F.lit(None).cast("timestamp"))
        data = replace(data, interactions=timeless)
    rows = Item2Vec(Item2VecSettings(session_gap_hours=gap_hours), 1 << 20)._sentences(data)
    return [list(map(int, row["items"])) for row in rows.sort("place").collect()]


def test_sentences_are_what_users_like_in_order(spark: SparkSession, tmp_path: Path) -> None:
    assert sentences(spark, tmp_path / "whole") == brute(None)
    found = sentences(spark, tmp_path / "cut", gap_hours=30, cuts=([7, 16], [5]))
    assert found == brute(30) != brute(None)


def test_without_times_the_order_is_drawn(spark: SparkSession, tmp_path: Path) -> None:
    drawn = sentences(spark, tmp_path / "whole", timed=False)
    assert list(map(sorted, drawn)) == list(map(sorted, brute(None)))
    assert drawn != brute(None)
    assert drawn == sentences(spark, tmp_path / "cut", timed=False, cuts=([7, 16], [5]))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"min_likings": 1000}, InputRefusedError, r"none of those has 1000 likings\. Lower"),
        ({"session_gap_hours": 0.5}, InputRefusedError, r"set it to null\."),
    ],
)
def test_it_refuses_what_it_cannot_learn_from(
    spark: SparkSession, tmp_path: Path, change: dict[str, Any], error: type[Exception], text: str
) -> None:
    model = make_model("item2vec", parameters("item2vec", change))
    data = training_data(spark, write_world(tmp_path, WORLD), tmp_path / "model", values=False)
    timeless = data.interactions.withColumn("event_time", F.lit(None).cast("timestamp"))
    with pytest.raises(error, match=text):
        model.fit(replace(data, interactions=timeless))


def test_it_refuses_what_spark_does_not_take(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toplists.models.item2vec._MOST_NUMBERS", 48)
    with pytest.raises(ConfigurationError, match=r"12 vectors of 4 numbers, .* Raise"):
        fit(spark, tmp_path, "item2vec", World(WORLD.values))
