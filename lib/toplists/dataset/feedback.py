"""From events to what a user thinks of an item."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.dataset.event_weights import RATING, decay, from_units, in_units, type_weight
from toplists.dataset.returns import RETURN, mark_returned


def weigh_events(
    events: DataFrame,
    as_of: datetime,
    *,
    weights: Mapping[str, float],
    other_weight: float,
    half_life_days: float | None,
) -> DataFrame:
    """What every event says of a liking, in units of `event_weights`.

    Without `weights` every event counts 1, whatever its type; with them, by its type, and a returned
    purchase 0. Either is less with age.

    Args:
        events: `[event_id, user_id, item_id, event_type: string, event_time: timestamp, …]`.
        as_of: When the age is taken.
        weights: Weight by type.
        other_weight: Weight of a type that `weights` does not name.
        half_life_days: See `event_weights.decay`.

    Returns:
        The input with `units: long`, at least 0.
    """
    weight = F.lit(1.0)
    if weights:
        events = mark_returned(events)
        weight = F.when(F.col("returned"), 0.0).otherwise(type_weight(weights, other_weight))
    weighed = events.withColumn("units", in_units(weight * decay(as_of, half_life_days)))
    return weighed.drop("returned")


def form_opinions(
    events: DataFrame,
    *,
    by_type: bool,
    positive_from: float,
    max_weight: float,
    filters: Collection[str],
) -> DataFrame:
    """What each user thinks of each item, by all events of the pair, in whatever order they came.

    A rating is what a user says: of several the last one counts, decided by (event_time, event_id).
    All else is what a user does, and adds up. Together that is the pair's weight, at most
    `max_weight`; but a last rating below `positive_from` is a dislike and makes it 0, and so does a
    return where types are not told apart and it is the last event. An event that a filter left out has
    no part in it; neither has a returned purchase, and both count as seen.

    Args:
        events: `[event_id, user_id, item_id, event_type: string, value: double, event_time:
            timestamp, excluded: string, units: long, session: int]`; events without a time come
            before those with one.
        by_type: Whether types of events are told apart; if not, all are ratings.
        positive_from: Values from here on are likings; so are ratings without a value.
        max_weight: Cap on the weight.
        filters: Names that `excluded` may hold.

    Returns:
        `[user_id, item_id, value, event_time, event_id, session, last_time, events: long,
        contradicted: boolean, positive: boolean, weight: float, excluded_<filter>: long, …]`.
        `value` is the last rating's; `event_time`, `event_id` and `session` are those of the last
        event that counts, or of the last one where none does; `last_time` is the newest of all;
        `events` counts the pair's events, `excluded_<filter>` those left out; `contradicted` says that
        ratings differ; `positive` says that the weight is above 0.
    """
    counts = F.col("excluded").isNull()
    is_rating = F.col("event_type") == RATING if by_type else F.lit(True)
    rating = F.struct("event_time", "event_id", "value", "units", "event_type")
    rated = F.when(is_rating, F.col("value"))
    done = F.sum(F.when(counts & ~is_rating, F.col("units")))
    pairs = events.groupBy("user_id", "item_id").agg(
        F.max(F.struct(counts.alias("counts"), "event_time", "event_id", "session")).alias("last"),
        F.max(F.when(counts & is_rating, rating)).alias("rating"),
        F.coalesce(done, F.lit(0)).alias("done"),
        F.max("event_time").alias("last_time"),
        F.count(F.lit(1)).alias("events"),
        F.coalesce(F.min(rated) != F.max(rated), F.lit(False)).alias("contradicted"),
        *(F.count_if(F.col("excluded") == name).alias(excluded_by(name)) for name in filters),
    )
    said = F.coalesce(F.col("rating.units"), F.lit(0))
    all_units = F.least(F.col("done") + said, in_units(F.lit(max_weight)))
    sent_back = F.col("rating.event_type") == RETURN
    dislike = F.coalesce(F.col("rating.value") < positive_from, F.lit(False)) | F.coalesce(
        sent_back, F.lit(False)
    )
    units = F.when(dislike, 0).otherwise(all_units)
    return pairs.select(
        "user_id",
        "item_id",
        "rating.value",
        "last.event_time",
        "last.event_id",
        "last.session",
        "last_time",
        "events",
        "contradicted",
        (units > 0).alias("positive"),
        from_units(units).alias("weight"),
        *map(excluded_by, filters),
    )


def excluded_by(name: str) -> str:
    """The column that counts a pair's events which the filter `name` left out."""
    return f"excluded_{name}"


def newest_first(*partition: str) -> Column:
    """The rank of an opinion among its owner's, 1 = newest; ties by event id, then item id."""
    order = [F.col("event_time").desc_nulls_last(), F.col("event_id").desc(), F.col("item_id")]
    return F.row_number().over(W.partitionBy(*partition).orderBy(*order))


def choose_trained(
    opinions: DataFrame, *, min_user: int, min_item: int, max_user: int
) -> DataFrame:
    """Decide which opinions are trained on.

    A liking is, unless its user has newer ones than `max_user`, or its user or item has too few:
    both minima hold at once in the result (the k-core), since removing an item may leave a user with
    too few, and so on.

    Args:
        opinions: `[user_id, item_id, event_time, event_id, positive: boolean, weight: float, …]`.
        min_user: Likings a user needs.
        min_item: Likings an item needs.
        max_user: Newest likings of a user that are kept.

    Returns:
        The input, its weight 0 where it is not trained on.
    """
    newest = newest_first("user_id", "positive") <= max_user
    marked = opinions.withColumn("kept", F.col("positive") & newest)
    if min_user > 1 or min_item > 1:
        core = _core(marked.where("kept").select("user_id", "item_id"), min_user, min_item)
        marked = marked.drop("kept").join(
            core.withColumn("kept", F.lit(True)), ["user_id", "item_id"], "left"
        )
    weight = F.when(F.col("kept"), F.col("weight")).otherwise(F.lit(0.0).cast("float"))
    return marked.withColumn("weight", weight).drop("kept")


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
