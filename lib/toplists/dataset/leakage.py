"""Whether a fit has learnt of what it is judged on.

Kaufman et al., "Leakage in data mining" (ACM TKDD 6(4), 2012) call it the use of what would not be known
at the time; Ji et al., "A critical study on data leakage in recommender system offline evaluation" (ACM
TOIS 41(3), 2023) show that it may change which model looks best. What is checked is what a fit was given and
came to, not how that was made, so that a mistake made anywhere before is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.dataset.folds import FoldData
from toplists.dataset.held_out import holds_learnt
from toplists.dataset.partings import HOLDOUT, TRAIN
from toplists.dataset.snapshot import SnapshotBlocks
from toplists.engine.blocks import BlockRef, Part
from toplists.engine.shapes import EVERYBODY, Ranking, ranking_scores
from toplists.engine.tasks import collect_tasks
from toplists.errors import LeakageError


@dataclass(frozen=True)
class Lesson:
    """What a fit is given to learn from.

    Attributes:
        interactions: `[user_pos: int, item_pos: int, event_time: timestamp, weight: float,
            rating_weight: float, split: string]`, as a fit may read them.
        blocks: The same as blocks.
        part: Which part of both is learnt from.
        end: What is said of the last days counts back from here.
    """

    interactions: DataFrame
    blocks: SnapshotBlocks
    part: Part
    end: datetime


def check_lesson(fold: FoldData, held_out: SnapshotBlocks, lesson: Lesson) -> None:
    """See to it that nothing which a fit is given comes from what is held out, or from after the cut.

    Args:
        fold: What is judged on.
        held_out: Its blocks.
        lesson: What is learnt from, by the positions of the same snapshot.

    Raises:
        LeakageError: something does.
    """
    name = fold.fold.name
    if lesson.end > fold.fold.end:
        raise LeakageError(
            f"The training part of {name} ends at {fold.fold.end:%Y-%m-%d %H:%M}, but the last days of a "
            f"fit count back from {lesson.end:%Y-%m-%d %H:%M}. Fit it to the data of the fold."
        )
    rows = lesson.interactions.where((F.col("weight") > 0) | (F.col("rating_weight") > 0))
    if lesson.part == "train":
        rows = rows.where(F.col("split") == TRAIN)
    judged = fold.interactions.where(F.col("split") == HOLDOUT).select("user_pos", "item_pos")
    later = F.lit(False) if fold.fold.cut is None else F.col("event_time") >= F.lit(fold.fold.cut)
    found = (
        rows.join(judged.withColumn("judged", F.lit(True)), ["user_pos", "item_pos"], "left")
        .agg(F.count_if("judged"), F.count_if(later))
        .first()
    )
    shared, late = (0, 0) if found is None else found
    if shared or holds_learnt(fold.snapshot.spark, held_out, lesson.blocks, lesson.part):
        many = f"{shared:,} pairs" if shared else "Pairs"
        raise LeakageError(
            f"{many} that {name} holds out are among what a fit learns from, so that it is judged on what "
            "it was told. Fit it to the train part of the fold."
        )
    if late:
        raise LeakageError(
            f"{late:,} interactions that a fit learns from happened at {fold.fold.cut:%Y-%m-%d %H:%M} or "
            f"later, when the training part of {name} has ended. Fit it to the train part of the fold."
        )


def check_size(fold: FoldData, learnt: int, *, values: bool) -> None:
    """See to it that a fit reports as many pairs as there are to learn from.

    Args:
        fold: What is judged on.
        learnt: The number of pairs that the fit says it learnt from.
        values: Whether it learns values of ratings, instead of likings.

    Raises:
        LeakageError: it has learnt from more, or from fewer.
    """
    expected = fold.sizes.learnt(values=values)
    if learnt != expected:
        raise LeakageError(
            f"A fit has learnt from {learnt:,} pairs, but {fold.fold.name} has {expected:,} to learn "
            "from. Fit it to the train part of the fold."
        )


def check_popularity(fold: FoldData, held_out: SnapshotBlocks, counted: Ranking) -> None:
    """See to it that popularity counts the likings of the training part, and no others.

    Args:
        fold: What is judged on.
        held_out: Its blocks.
        counted: Popularity as it was fitted.

    Raises:
        LeakageError: an item has another number of likings.
    """
    columns, segment = held_out.items.columns, counted.segments.index(EVERYBODY)

    def compare(ref: BlockRef) -> int:
        likings = np.diff(ref.open().trained("train", columns).indptr)
        scores = ranking_scores(counted)[segment, ref.first : ref.first + ref.rows]
        wrong = np.flatnonzero(np.where(likings > 0, likings.astype(np.float32), -np.inf) != scores)
        return len(wrong)

    wrong = sum(collect_tasks(fold.snapshot.spark, held_out.items.blocks, compare))
    if wrong:
        raise LeakageError(
            f"Popularity counts other likings of {wrong:,} items than the training part of "
            f"{fold.fold.name} has. Fit it to the train part of the fold."
        )
