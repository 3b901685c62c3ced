"""Rules with several items on the left: mined by FP-growth, and applied to what each user likes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.ml.fpm import FPGrowth
from pyspark.sql import DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.model_knn import AssociationSettings
from toplists.engine.blocks import BlockRef, Part
from toplists.engine.caps import cap_columns
from toplists.engine.exchange import write_lists, write_parts
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.lists import lists_of
from toplists.engine.sessions import split_sessions
from toplists.engine.shapes import LIKED, Transitions, neighbours_part
from toplists.engine.storage import Arrays
from toplists.engine.tasks import run_tasks
from toplists.models.protocol import TrainingData


def fit_rule_sets(data: TrainingData, settings: AssociationSettings) -> Transitions:
    """What rules say of each user, as a list that is scored by itself.

    No shape has rules with several items on the left: lists come from each user's own, made with the fit.
    """
    baskets = _baskets(data, settings)
    rules = mine_rules(baskets, baskets.count(), settings).persist()
    try:
        said = apply_rules(rules, data.trained())
        users = write_lists(said, data.users, LIKED, settings.neighbours, data.folder, "users")
    finally:
        rules.unpersist()
    items = write_parts(data.spark, data.items.blocks, _itself, data.folder, "items")
    return Transitions(items=items, users=users)


def mine_rules(baskets: DataFrame, count: int, settings: AssociationSettings) -> DataFrame:
    """The rules that hold, by support, confidence and lift; of each item those that say most.

    Han, Pei and Yin, "Mining frequent patterns without candidate generation", SIGMOD 2000; in parallel: Li
    et al., "PFP: parallel FP-growth for query recommendation", RecSys 2008.

    Args:
        baskets: `[items: array<int>]`, what goes together; no item twice.
        count: How many there are.
        settings: Which rules hold.

    Returns:
        `[left: array<int>, item: int, weight: double]`: items in ascending order, what follows, and the
        rule's confidence or lift.
    """
    learner = FPGrowth(
        itemsCol="items",
        # Spark rounds the number of baskets up.
        minSupport=min(1.0, (settings.min_support - 0.5) / max(1, count)),
        minConfidence=settings.min_confidence,
    )
    rules = learner.fit(baskets).associationRules
    holding = rules.where(
        (F.size("antecedent") <= settings.max_antecedents) & (F.col("lift") >= settings.min_lift)
    ).select(
        F.array_sort("antecedent").alias("left"),
        F.element_at("consequent", 1).alias("item"),
        F.col(settings.score).alias("weight"),
    )
    best = W.partitionBy("item").orderBy(F.desc("weight"), F.size("left"), "left")
    numbered = holding.withColumn("place", F.row_number().over(best))
    return numbered.where(F.col("place") <= settings.neighbours).drop("place")


def apply_rules(rules: DataFrame, likings: DataFrame) -> DataFrame:
    """The sum of the weights of all rules whose left side a user likes, for what the user does not.

    Args:
        rules: As of `mine_rules`.
        likings: `[user_pos: int, item_pos: int, …]`, each pair once.

    Returns:
        `[pos: int, other: int, weight: double]`: of each user, the items.
    """
    liked = likings.select("user_pos", "item_pos")
    sides = rules.select("left").distinct()
    held = (
        sides.withColumn("item_pos", F.explode("left"))
        .join(liked, "item_pos")
        .groupBy("user_pos", "left")
        .count()
        .where(F.col("count") == F.size("left"))
    )
    unseen = (
        held.join(rules, "left")
        .withColumnRenamed("item", "item_pos")
        .join(liked, ["user_pos", "item_pos"], "left_anti")
    )
    # In order: a sum of doubles depends on it.
    weights = F.array_sort(F.collect_list("weight"))
    summed = F.aggregate(weights, F.lit(0.0), lambda total, weight: total + weight)
    return (
        unseen.groupBy("user_pos", "item_pos")
        .agg(summed.alias("weight"))
        .select(F.col("user_pos").alias("pos"), F.col("item_pos").alias("other"), "weight")
    )


def _baskets(data: TrainingData, settings: AssociationSettings) -> DataFrame:
    """`[items: array<int>]`: what each user likes, up to the cap, or in each session."""
    find = partial(_baskets_of, part=data.part, settings=settings)
    return run_tasks(data.spark, data.users.blocks, find, "items array<int>")


def _baskets_of(
    ref: BlockRef, part: Part, settings: AssociationSettings
) -> Iterator[pa.RecordBatch]:
    block = ref.open()
    rows = Sparse(*block.learnt("liked", part)[:3])
    if settings.session_gap_hours is not None:
        times = block.times_of("liked", part)
        if times is None:
            return
        rows, _ = split_sessions(rows, times, settings.session_gap_hours)
    elif settings.cap is not None:
        times = block.times_of("liked", part)
        ((_, rows),), _ = cap_columns([(ref.first, rows)], [times], settings.cap)
    lengths = np.diff(rows.indptr)
    items = lists_of(lengths[lengths > 0], pa.array(np.asarray(rows.columns)))
    yield pa.RecordBatch.from_arrays([items], names=["items"])


def _itself(ref: BlockRef) -> Arrays:
    """Weights that make of what a user's list says the scores: each item has 1 from itself."""
    own = np.arange(ref.first, ref.first + ref.rows, dtype=np.int32)
    return neighbours_part(Sparse(np.arange(ref.rows + 1), own, np.ones(ref.rows, np.float32)))
