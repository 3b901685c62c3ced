"""From events to what a user thinks of an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_

import pyarrow as pa
from pyspark.sql import DataFrame, Row
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.dataset.event_weights import decay, in_units, type_weight
from toplists.dataset.pairs import PairRules, reduce_pairs
from toplists.dataset.returns import mark_returned
from toplists.engine.tasks import Batches, map_batches

_OF_EVENT = (
    *("user_id", "item_id", "event_id", "event_type", "value", "event_time"),
    *("excluded", "units", "session"),
)
_OPINIONS = (
    "user_id string, item_id string, value double, event_time timestamp, event_id string, session int, "
    "last_time timestamp, events long, contradicted boolean, positive boolean, weight float, "
    "rating_weight float, kept_liking boolean, kept_rating boolean"
)
_BATCH_ROWS = 65_536


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
    max_user: int,
    filters: Sequence[str],
) -> DataFrame:
    """What each user thinks of each item, by all events of the pair, in whatever order they came.

    A rating is what a user says: of several the last one counts, decided by (event_time, event_id).
    All else is what a user does, and adds up. Together that is the pair's weight, at most
    `max_weight`; but a last rating below `positive_from` is a dislike and makes it 0, and so does a
    return where types are not told apart and it is the last event. An event that a filter left out has
    no part in it; neither has a returned purchase, and both count as seen.

    The value of the last rating, liked or not, has a weight of its own: that of the rating alone.

    Args:
        events: `[event_id, user_id, item_id, event_type: string, value: double, event_time:
            timestamp, excluded: string, units: long, session: int]`; events without a time come
            before those with one. All events of a user are in one partition.
        by_type: Whether types of events are told apart; if not, all are ratings.
        positive_from: Values from here on are likings; so are ratings without a value.
        max_weight: Cap on the weight.
        max_user: Newest likings of a user that are kept.
        filters: Names that `excluded` may hold.

    Returns:
        `[user_id, item_id, value, event_time, event_id, session, last_time, events: long,
        contradicted: boolean, positive: boolean, weight: float, rating_weight: float, kept_liking:
        boolean, kept_rating: boolean, excluded_<filter>: long, …]`.
        `value` is the last rating's; `event_time`, `event_id` and `session` are those of the last
        event that counts, or of the last one where none does; `last_time` is the newest of all;
        `events` counts the pair's events, `excluded_<filter>` those left out; `contradicted` says that
        ratings differ; `positive` says that the weight is above 0. `rating_weight` is 0 where there is
        no value to be learnt. `kept_liking` and `kept_rating` say that the one or the other weight is
        above 0, and the pair among the newest of its user of which it is.
    """
    rules = PairRules(by_type, positive_from, max_weight, max_user, tuple(filters))

    def combine(batches: Batches) -> Batches:
        # A partition at once: its users' events have to be seen together.
        held = list(batches)
        if held and (events := pa.Table.from_batches(held)).num_rows:
            opinions = pa.table(reduce_pairs(events, rules))
            yield from opinions.to_batches(max_chunksize=_BATCH_ROWS)

    schema = ", ".join([_OPINIONS, *(f"{excluded_by(name)} long" for name in filters)])
    return map_batches(events.select(*_OF_EVENT), combine, schema)


def excluded_by(name: str) -> str:
    """The column that counts a pair's events which the filter `name` left out."""
    return f"excluded_{name}"


def choose_trained(opinions: DataFrame, *, min_user: int, min_item: int) -> DataFrame:
    """Decide which opinions are trained on.

    A liking that was kept is, unless its user or item has too few of them: both minima hold at once in
    the result (the k-core), since removing an item may leave a user with too few, and so on. For models
    that learn values the same is decided among all ratings, liked or not, by themselves.

    Args:
        opinions: `[user_id, item_id, weight: float, rating_weight: float, kept_liking: boolean,
            kept_rating: boolean, …]`.
        min_user: Likings (ratings) a user needs.
        min_item: Likings (ratings) an item needs.

    Returns:
        The input without what was kept, either weight 0 where it is not trained on.
    """
    if min_user > 1 or min_item > 1:
        pair = ["user_id", "item_id"]
        flagged = opinions.where(reduce(or_, map(F.col, _KEPT.values()))).select(
            *pair, *_KEPT.values()
        )
        core = _core(flagged, min_user, min_item)
        opinions = opinions.drop(*_KEPT.values()).join(core, pair, "left")
    for weight, kept in _KEPT.items():
        chosen = F.when(F.col(kept), F.col(weight)).otherwise(F.lit(0.0).cast("float"))
        opinions = opinions.withColumn(weight, chosen)
    return opinions.drop(*_KEPT.values())


_KEPT = {"weight": "kept_liking", "rating_weight": "kept_rating"}
"""What is learnt with which weight, and the column that says whether it is."""


def _core(pairs: DataFrame, min_user: int, min_item: int) -> DataFrame:
    """For each flag by itself, the largest set of flagged pairs in which all have enough.

    Args:
        pairs: `[user_id, item_id, kept_liking: boolean, kept_rating: boolean]`.
        min_user: Pairs a user needs.
        min_item: Pairs an item needs.
    """
    flags = list(_KEPT.values())

    def thin(rows: DataFrame, owner: str, least: int) -> DataFrame:
        enough = {
            flag: F.col(flag) & (F.count_if(flag).over(W.partitionBy(owner)) >= least)
            for flag in flags
        }
        return rows.withColumns(enough)

    def sizes(rows: DataFrame) -> Row | None:
        return rows.agg(*map(F.count_if, flags)).first()

    pairs = pairs.localCheckpoint()
    size = sizes(pairs)
    while True:
        pairs = thin(thin(pairs, "user_id", min_user), "item_id", min_item).localCheckpoint()
        left = sizes(pairs)
        if left == size:
            return pairs
        size = left
