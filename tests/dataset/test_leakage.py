"""Every leak that is planted is found, and a fit to the training part of a fold passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from events import days_ago
from pyspark.sql import functions as F
from stored import Pair, store_snapshot

from toplists.config.operation import EngineSettings
from toplists.config.protocol_names import parse_protocol
from toplists.dataset.folds import FoldData, make_folds
from toplists.dataset.leakage import check_popularity, check_size
from toplists.dataset.snapshot import SnapshotBlocks
from toplists.engine.shapes import Ranking
from toplists.errors import LeakageError
from toplists.models.fold_training import check_training, training_data
from toplists.models.popularity import Popularity
from toplists.models.protocol import TrainingData

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAIRS: list[Pair] = [
    ("ann", "a", 5.0, days_ago(9)),
    ("ann", "b", 4.0, days_ago(8)),
    ("ann", "c", 5.0, days_ago(2)),
    ("bob", "a", 2.0, days_ago(7)),
    ("bob", "b", 5.0, days_ago(6)),
    ("bob", "c", 1.0, days_ago(1)),
    ("cat", "b", 5.0, None),
]


@pytest.fixture(scope="module")
def fold(spark: SparkSession, no_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    folder = tmp_path_factory.mktemp("leakage") / "world"
    snapshot = store_snapshot(spark, no_rows, folder, PAIRS)
    (made,) = make_folds(snapshot, parse_protocol("days(3)"))
    return made


@pytest.fixture(scope="module")
def blocks(fold: FoldData) -> SnapshotBlocks:
    return fold.blocks(EngineSettings(block_entries=100))


@pytest.fixture
def data(fold: FoldData, blocks: SnapshotBlocks, tmp_path: Path) -> TrainingData:
    return training_data(fold, blocks, values=False, seed=1, folder=tmp_path / "fit")


def test_a_fit_to_the_training_part_passes(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    check_training(fold, blocks, data, values=False)
    assert data.size == 4
    assert data.end == days_ago(3)
    counted = Popularity().fit(data).shape
    assert isinstance(counted, Ranking)
    check_popularity(fold, blocks, counted)


@pytest.mark.parametrize("values", [False, True])
def test_a_fit_to_everything_is_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData, values: bool
) -> None:
    with pytest.raises(LeakageError, match=r"2 pairs that days\(3\) #2024-02-27 holds out"):
        check_training(fold, blocks, replace(data, part="all"), values=values)


def test_a_held_out_pair_among_the_rows_is_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    # A dislike is a leak for those who learn values.
    one = (F.col("split") == "holdout") & (F.col("weight") == 0)
    planted = data.interactions.withColumn("split", F.when(one, "train").otherwise(F.col("split")))
    with pytest.raises(LeakageError, match="1 pairs that days"):
        check_training(fold, blocks, replace(data, interactions=planted), values=False)


def test_a_held_out_pair_in_the_blocks_is_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    # The snapshot's blocks hold out nothing: all of it is their training part.
    whole = fold.snapshot.blocks(EngineSettings(block_entries=100))
    planted = replace(data, users=whole.users, items=whole.items)
    with pytest.raises(LeakageError, match="Pairs that days"):
        check_training(fold, blocks, planted, values=False)


def test_an_event_after_the_cut_is_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    # It is no pair that is held out: as if it had been left out of the fold for its gap.
    later = F.when(F.col("event_time").isNull(), F.lit(fold.fold.cut)).otherwise(
        F.col("event_time")
    )
    planted = replace(data, interactions=data.interactions.withColumn("event_time", later))
    with pytest.raises(
        LeakageError, match="1 interactions that a fit learns from happened at 2024"
    ):
        check_training(fold, blocks, planted, values=False)


def test_windows_that_reach_beyond_the_cut_are_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    planted = replace(data, end=data.end + timedelta(seconds=1))
    with pytest.raises(LeakageError, match="count back from 2024-02-27"):
        check_training(fold, blocks, planted, values=False)


def test_a_fit_that_reports_other_pairs_is_found(fold: FoldData) -> None:
    check_size(fold, 5, values=True)
    for learnt in (4, 7):
        with pytest.raises(LeakageError, match=f"{learnt} pairs, but days"):
            check_size(fold, learnt, values=True)


def test_popularity_that_counts_the_holdout_is_found(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData
) -> None:
    counted = Popularity().fit(replace(data, part="all")).shape
    assert isinstance(counted, Ranking)
    with pytest.raises(LeakageError, match="other likings of 1 items"):
        check_popularity(fold, blocks, counted)
