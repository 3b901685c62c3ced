"""What a model is fitted to, and checked for, when it is judged on a fold."""

from __future__ import annotations

from pathlib import Path

from toplists.dataset.folds import FoldData
from toplists.dataset.leakage import Lesson, check_lesson, check_size
from toplists.dataset.snapshot import SnapshotBlocks
from toplists.engine.alternation import Start
from toplists.models.protocol import TrainingData


def training_data(
    fold: FoldData,
    blocks: SnapshotBlocks,
    *,
    values: bool,
    seed: int,
    folder: Path,
    start: Start | None = None,
) -> TrainingData:
    """The training part of a fold as a model sees it.

    Args:
        fold: The fold.
        blocks: Its blocks.
        values: Whether the model learns values of ratings, instead of likings.
        seed: Decides everything random in the fit.
        folder: Where the fit's files go; every executor sees it.
        start: Where a model that can may begin.
    """
    snapshot = fold.snapshot
    return TrainingData(
        spark=snapshot.spark,
        interactions=fold.interactions,
        users=blocks.users,
        items=blocks.items,
        part="train",
        size=fold.sizes.learnt(values=values),
        end=fold.fold.end,
        segments=snapshot.segmented_users,
        segment_names=tuple(snapshot.facts.segments),
        seed=seed,
        folder=folder,
        start=start,
        catalogue=snapshot.catalogue,
    )


def check_training(
    fold: FoldData, blocks: SnapshotBlocks, data: TrainingData, *, values: bool
) -> None:
    """See to it that what a model is fitted to says nothing of what it is judged on.

    Args:
        fold: What is judged on.
        blocks: Its blocks.
        data: What the model is fitted to.
        values: Whether the model learns values of ratings, instead of likings.

    Raises:
        LeakageError: it does.
    """
    own = SnapshotBlocks(data.users, data.items)
    check_lesson(fold, blocks, Lesson(data.interactions, own, data.part, data.end))
    check_size(fold, data.size, values=values)
