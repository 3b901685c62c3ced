"""From events to what a user thinks of an item."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F


def last_opinions(events: DataFrame) -> DataFrame:
    """Each pair's last event, decided by (event_time, event_id), never by the order of arrival.

    Args:
        events: `[event_id: string, user_id: string, item_id: string, value: double,
            event_time: timestamp]`; events without a time come before those with one.

    Returns:
        `[user_id, item_id, value, event_time, event_id, events: long, contradicted: boolean]`:
        `events` counts the pair's events, `contradicted` says that their values differ.
    """
    last = F.max(F.struct("event_time", "event_id", "value")).alias("last")
    value = F.col("value")
    return (
        events.groupBy("user_id", "item_id")
        .agg(
            last,
            F.count(F.lit(1)).alias("events"),
            (F.min(value) != F.max(value)).alias("contradicted"),
        )
        .select(
            "user_id",
            "item_id",
            "last.value",
            "last.event_time",
            "last.event_id",
            "events",
            F.coalesce("contradicted", F.lit(False)).alias("contradicted"),
        )
    )


def is_positive(positive_from: float) -> Column:
    """Whether an opinion counts as a liking: a value from `positive_from` on, or none at all."""
    value = F.col("value")
    return value.isNull() | (value >= positive_from)


def newest_first(*partition: str) -> Column:
    """The rank of an opinion among its owner's, 1 = newest; ties by event id, then item id."""
    order = [F.col("event_time").desc_nulls_last(), F.col("event_id").desc(), F.col("item_id")]
    return F.row_number().over(W.partitionBy(*partition).orderBy(*order))


def weigh(opinions: DataFrame, *, min_user: int, min_item: int, max_user: int) -> DataFrame:
    """Decide which opinions are trained on.

    A liking is, unless its user has newer ones than `max_user`, or its user or item has too few:
    both minima hold at once in the result (the k-core), since removing an item may leave a user with
    too few, and so on.

    Args:
        opinions: `[user_id, item_id, event_time, event_id, positive: boolean, …]`.
        min_user: Likings a user needs.
        min_item: Likings an item needs.
        max_user: Newest likings of a user that are kept.

    Returns:
        The input with `weight: float`, 1 for what is trained on and 0 for the rest.
    """
    newest = newest_first("user_id", "positive") <= max_user
    marked = opinions.withColumn("kept", F.col("positive") & newest)
    if min_user > 1 or min_item > 1:
        core = _core(marked.where("kept").select("user_id", "item_id"), min_user, min_item)
        marked = marked.drop("kept").join(
            core.withColumn("kept", F.lit(True)), ["user_id", "item_id"], "left"
        )
    kept = F.coalesce(F.col("kept"), F.lit(False))
    return marked.withColumn("weight", F.when(kept, 1.0).otherwise(0.0).cast("float")).drop("kept")


def _core(pairs: DataFrame, min_user: int, min_item: int) -> DataFrame:
    """The largest set of pairs in which every user and every item has enough."""
    pairs = pairs.localCheckpoint()
    size = pairs.count()
    while True:
        per_user = F.count(F.lit(1)).over(W.partitionBy("user_id"))
        per_item = F.count(F.lit(1)).over(W.partitionBy("item_id"))
        pairs = (
            pairs.withColumn("n", per_user)
            .where(F.col("n") >= min_user)
            .withColumn("n", per_item)
            .where(F.col("n") >= min_item)
            .drop("n")
            .localCheckpoint()
        )
        left = pairs.count()
        if left == size:
            return pairs
        size = left
