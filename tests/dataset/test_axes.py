"""Users and items of a snapshot: segments, activity, and what may be recommended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from events import AS_OF, END, by, days_ago
from pyspark.sql import functions as F

from toplists.config.prepare import PrepareSettings
from toplists.config.recommend import RecommendSettings
from toplists.dataset.axes import item_axis, user_axis
from toplists.dataset.segments import Segments, segment_names
from toplists.dataset.splits import Survey
from toplists.dataset.stop_list import read_stop_list, stop_list_digest
from toplists.engine.blocks import BlockRef
from toplists.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOMENT = timedelta(microseconds=1)


def opinions(spark: SparkSession, *pairs: tuple[str, str, float, Any]) -> DataFrame:
    # Of each pair one event.
    return spark.createDataFrame(
        [(*pair, pair[-1]) for pair in pairs],
        "user_id string, item_id string, weight float, event_time timestamp, last_time timestamp",
    )


def size(pairs: int, users: int) -> Survey:
    return Survey(pairs, users, timed=True, warm_users=0)


def test_only_what_is_available_at_as_of_may_be_recommended(spark: SparkSession) -> None:
    windows = {
        "begins at as_of": (END, None, True),
        "begins later": (END + MOMENT, None, False),
        "ended before": (None, END - MOMENT, False),
        "ends at as_of": (None, END, False),
        "ends later": (None, END + MOMENT, True),
        "around": (days_ago(1), END + MOMENT, True),
        "without limits": (None, None, True),
        "stopped": (None, None, False),
        "not in the catalogue": None,
    }
    catalogue = spark.createDataFrame(
        [(item, window[0], window[1]) for item, window in windows.items() if window],
        "item_id string, available_from timestamp, available_until timestamp",
    )
    pairs = [("ada", item, 1.0, None) for item in windows]
    rows = item_axis(
        opinions(spark, *pairs), size(len(pairs), 1), catalogue, AS_OF, ["stopped", "unknown"]
    )
    found = {item: row["recommendable"] for item, row in by("item_id", rows).items()}
    expected = {item: True if window is None else window[2] for item, window in windows.items()}
    assert found == expected


def users(spark: SparkSession, attributes: dict[str, dict[str, str]], **settings: Any) -> DataFrame:
    stated = spark.createDataFrame(
        list(attributes.items()), "user_id string, attributes map<string, string>"
    )
    pairs = [(user, "i1", 1.0, None) for user in ("ada", "bob", "cleo", "dan", "eve", "fay")]
    chosen = RecommendSettings(fallback=("segment", "popularity"), **settings)
    return user_axis(opinions(spark, *pairs), size(6, 6), stated, AS_OF, chosen)


ATTRIBUTES = {
    "ada": {"country": "de"},
    "bob": {"country": "de", "city": "Bonn"},
    "cleo": {"country": "all"},  # not a group, but the name of everybody
    "dan": {"country": ""},
    "eve": {"country": "fr"},
    "gus": {"country": "fr"},  # not a user of the run
    "hal": {"country": "it"},
}


def test_segments_are_the_values_of_an_attribute(spark: SparkSession) -> None:
    rows = users(spark, ATTRIBUTES, segment_by="country")
    found = {user: row["segment"] for user, row in by("user_id", rows).items()}
    assert found == {
        "ada": "de",
        "bob": "de",
        "cleo": None,
        "dan": None,
        "eve": "fr",
        "fay": None,  # nothing known
    }
    assert segment_names(rows) == ["de", "fr"]


def test_only_the_largest_segments_are_told_apart(spark: SparkSession) -> None:
    assert segment_names(users(spark, ATTRIBUTES, segment_by="country", max_segments=1)) == ["de"]
    # Of equally large ones those whose names come first.
    alike = {user: {"country": name} for user, name in zip(("ada", "bob"), "xy", strict=True)}
    assert segment_names(users(spark, alike, segment_by="country", max_segments=1)) == ["x"]


def test_users_without_a_recent_event_are_not_eligible(spark: SparkSession) -> None:
    pairs = [
        ("long ago", "i1", 1.0, days_ago(30) - MOMENT),
        ("just so", "i1", 1.0, days_ago(30)),
        ("timeless", "i1", 1.0, None),
        ("both", "i1", 1.0, days_ago(99)),
        ("both", "i2", 0.0, days_ago(1)),  # not trained on, and yet a sign of life
    ]
    rows = user_axis(
        opinions(spark, *pairs),
        size(5, 4),
        spark.createDataFrame([], "user_id string, attributes map<string, string>"),
        AS_OF,
        RecommendSettings(active_days=30),
    )
    began = rows.where(F.col("first_time") == F.lit(days_ago(99)))
    assert [row["user_id"] for row in began.collect()] == ["both"]
    assert {user: row["eligible"] for user, row in by("user_id", rows).items()} == {
        "long ago": False,
        "just so": True,
        "timeless": True,
        "both": True,
    }


def test_a_block_finds_the_segments_of_its_users(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    rows = [(0, "fr"), (1, None), (2, "de"), (3, "fr"), (4, "de")]
    spark.createDataFrame(rows, "user_pos int, segment string").coalesce(1).write.parquet(str(path))
    files = tuple(map(str, path.glob("*.parquet")))
    segments = Segments(("all", "de", "fr"), files)
    assert segments.of(BlockRef(0, 0, 2, 0, "")).tolist() == [2, 0]
    found = segments.of(BlockRef(1, 2, 3, 0, ""))
    assert (found.tolist(), found.dtype) == ([1, 2, 1], np.int32)
    assert Segments(("all",), ("nowhere",)).of(BlockRef(0, 0, 2, 0, "")).tolist() == [0, 0]


# --- the stop-list --------------------------------------------------------------------------------


def test_the_stop_list_is_the_setting_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "stop.txt"
    file.write_text("i1\n\n  i2 \r\nü;x\n", encoding="utf-8")
    settings = PrepareSettings(stop_items=("i1", "i9"), stop_items_file=str(file))
    assert read_stop_list(settings) == {"i1", "i2", "i9", "ü;x"}
    assert read_stop_list(PrepareSettings()) == frozenset()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_stop_list_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "stop.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"prepare\.stop_items_file"):
        read_stop_list(PrepareSettings(stop_items_file=str(file)))


def test_its_digest_is_that_of_the_set() -> None:
    assert stop_list_digest(["a", "b"]) == stop_list_digest(["b", "a"])
    assert len({stop_list_digest(items) for items in ([], ["a"], ["a", "b"], ["ab"])}) == 4
