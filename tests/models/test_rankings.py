"""Popularity in a window, by segment, and trending: what each counts, and back from when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from events import END, by, days_ago
from snapshots import write_blocks

from toplists.engine.shapes import Ranking, ranking_scores
from toplists.models.popularity import Popularity, SegmentPopularity, WindowPopularity
from toplists.models.protocol import Model, TrainingData
from toplists.models.trending import Trending, score_trends

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 6, 4
SCHEMA = "user_pos int, item_pos int, event_time timestamp, weight float, split string"
Pair = tuple[int, int, datetime | None, float, str]

Fit = Callable[..., Ranking]


@pytest.fixture
def fit(spark: SparkSession, tmp_path: Path) -> Fit:
    """Fits a ranking to pairs; items lie in two blocks."""

    def fit(model: Model, pairs: list[Pair], **changes: Any) -> Ranking:
        weights = np.full((N_USERS, N_ITEMS), np.nan)
        holdout = np.zeros(weights.shape, dtype=np.bool_)
        for user, item, _, weight, split in pairs:
            weights[user, item] = weight
            holdout[user, item] = split == "holdout"
        users, items = write_blocks(tmp_path / "blocks", weights, holdout=holdout, cuts=([4], [3]))
        settings: dict[str, Any] = {"part": "all", "end": END, "segment_names": ()} | changes
        data = TrainingData(
            spark=spark,
            interactions=spark.createDataFrame(pairs, SCHEMA),
            users=users,
            items=items,
            size=len(pairs),
            segments=spark.createDataFrame(
                [(0, "de"), (1, "de"), (2, "fr"), (5, "fr")], "user_pos int, segment string"
            ),
            seed=42,
            folder=tmp_path / "model",
            **settings,
        )
        shape = model.fit(data).shape
        assert isinstance(shape, Ranking)
        return shape

    return fit


def scores(ranking: Ranking) -> list[dict[int, float]]:
    """The listed items of every segment with their scores."""
    return [
        {int(item): float(row[item]) for item in np.flatnonzero(np.isfinite(row))}
        for row in ranking_scores(ranking)
    ]


def liked(user: int, item: int, days: float | None, split: str = "train") -> Pair:
    return user, item, None if days is None else days_ago(days), 1.0, split


def test_popularity_counts_likings_and_no_more(fit: Fit) -> None:
    pairs = [liked(0, 0, 1), liked(1, 0, None), liked(2, 1, 9)]
    pairs += [(3, 1, days_ago(1), 0.0, "train")]  # seen, but not liked
    heavy = [(4, 1, days_ago(1), 9.0, "train")]  # however often one user comes, it is one user
    assert scores(fit(Popularity(), pairs + heavy)) == [{0: 2.0, 1: 2.0}]


def test_a_window_counts_back_from_the_end(fit: Fit) -> None:
    pairs = [
        liked(0, 0, 7),  # exactly the first moment of the window
        liked(1, 0, 3),
        liked(2, 1, 7 + 1e-6),  # just before it
        liked(3, 2, None),  # without a time it is in no window
        liked(4, 3, 1),
        (5, 3, days_ago(1), 0.0, "train"),
    ]
    assert scores(fit(WindowPopularity(7), pairs)) == [{0: 2.0, 3: 1.0}]
    assert scores(fit(WindowPopularity(7), [liked(3, 2, None)])) == [{}]


def test_the_evaluation_fit_counts_back_from_the_cut_and_sees_no_holdout(fit: Fit) -> None:
    pairs = [
        liked(0, 0, 12),  # two days before the cut
        liked(1, 1, 18),  # eight days before
        liked(2, 2, 1, "holdout"),
        liked(3, 0, 2, "holdout"),
    ]
    judged = {"part": "train", "end": days_ago(10)}
    assert scores(fit(WindowPopularity(7), pairs, **judged)) == [{0: 1.0}]
    # Published later, the window is another, and all of it is known.
    assert scores(fit(WindowPopularity(7), pairs)) == [{0: 1.0, 2: 1.0}]
    trend = Trending(days=7, baseline_days=7, smoothing=1.0)
    # Item 1 was liked in the week before that: 0 observed, 1 before, which is no rise.
    assert scores(fit(trend, pairs, **judged)) == [{0: 2.0}]


def test_each_segment_has_its_own_order(fit: Fit) -> None:
    pairs = [
        *(liked(user, 0, 1) for user in (0, 1, 2)),
        liked(0, 1, 1),
        liked(2, 3, 1),
        liked(5, 3, 1),
        liked(3, 2, 1),  # of no segment
        liked(4, 0, 1),
    ]
    ranking = fit(SegmentPopularity("country", 9), pairs, segment_names=("de", "fr"))
    assert ranking.segments == ("de", "fr")
    assert scores(ranking) == [{0: 2.0, 1: 1.0}, {0: 1.0, 3: 2.0}]


def test_trending_is_observed_over_expected(spark: SparkSession) -> None:
    counts = [
        # (item, likings in the last days, likings before)
        (0, 0, 60),  # forgotten
        (1, 100, 60),  # grew
        (2, 45, 30),  # grew as all did
        (3, 3, 0),  # brand-new, with little to be said for it
        (4, 32, 0),  # brand-new, and many like it
    ]
    # Everything grew from 150 to 180 likings: by 1.2. So 72 are expected of items 0 and 1, 36 of 2.
    rows = score_trends(
        spark.createDataFrame(counts, "pos int, observed long, before long"), smoothing=10.0
    )
    assert {pos: row["score"] for pos, row in by("pos", rows).items()} == {
        1: pytest.approx(110 / 82),
        2: pytest.approx(55 / 46),
        3: pytest.approx(13 / 10),
        4: pytest.approx(42 / 10),
    }


def test_growth_of_everything_is_no_trend(spark: SparkSession) -> None:
    counts = [(0, 20, 10), (1, 40, 20), (2, 2, 1)]
    rows = score_trends(spark.createDataFrame(counts, "pos int, observed long, before long"), 10.0)
    assert by("pos", rows) == {}


def test_in_the_first_days_of_a_dataset_everything_is_new(spark: SparkSession) -> None:
    counts = [(0, 5, 0), (1, 10, 0)]
    rows = score_trends(spark.createDataFrame(counts, "pos int, observed long, before long"), 10.0)
    assert {pos: row["score"] for pos, row in by("pos", rows).items()} == {0: 1.5, 1: 2.0}


def test_trending_takes_its_windows_from_the_end(fit: Fit) -> None:
    pairs = [
        liked(0, 0, 7),  # the first moment of the recent days
        liked(1, 1, 7 + 1e-6),  # the last of the days before
        liked(2, 2, 21),  # their first
        liked(3, 3, 21 + 1e-6),  # too long ago
        liked(4, 0, 1),
    ]
    found = scores(fit(Trending(days=7, baseline_days=14, smoothing=2.0), pairs))
    assert found == [{0: 2.0}]
