"""The way from events to opinions under the settings: filters, weights, sessions, pairs, the k-core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.prepare import PrepareSettings
from toplists.dataset.feedback import choose_trained, excluded_by, form_opinions, weigh_events
from toplists.dataset.filters import Filter, apply_filters
from toplists.dataset.loader import known_before
from toplists.dataset.sessions import number_sessions

Excluded: TypeAlias = dict[str, dict[str, int]]


def opinions_of(
    events: DataFrame,
    settings: PrepareSettings,
    as_of: date,
    filters: Sequence[Filter],
    parts: int | None = None,
) -> DataFrame:
    """What each user thinks of each item at `as_of`, and with what weight it is trained on.

    The same to the last bit, however rows are ordered and partitioned.

    Args:
        events: `[event_id, user_id, item_id, event_type: string, value: double, event_time:
            timestamp]`, all of them before `as_of`.
        settings: Weights and thresholds.
        as_of: When the age of events is taken.
        filters: What `filters.choose_filters` chose.
        parts: Into how many tasks users are shared out; `None` leaves it to Spark.

    Returns:
        The columns of `feedback.form_opinions`; weight 0 = seen, but not trained on.
    """
    # All that follows is by user: one exchange serves it.
    events = (
        events.repartition("user_id") if parts is None else events.repartition(parts, "user_id")
    )
    # Returns find their purchases before a filter can part them.
    weighed = weigh_events(
        events,
        known_before(as_of),
        weights=settings.event_weights,
        other_weight=settings.other_event_weight,
        half_life_days=settings.half_life_days,
    )
    if settings.session_gap_minutes is None:
        placed = weighed.withColumn("session", F.lit(None).cast("int"))
    else:
        placed = number_sessions(weighed, settings.session_gap_minutes)
    opinions = form_opinions(
        apply_filters(placed, filters),
        by_type=bool(settings.event_weights),
        positive_from=settings.positive_from,
        max_weight=settings.max_weight,
        max_user=settings.max_user_interactions,
        filters=[one.name for one in filters],
    )
    return choose_trained(
        opinions,
        min_user=settings.min_user_interactions,
        min_item=settings.min_item_interactions,
    )


def count_excluded(opinions: DataFrame, filters: Sequence[Filter]) -> Excluded:
    """How many `users` and `events` each filter left out, by its name.

    A user counts where at least one event was left out.

    Args:
        opinions: `[user_id: string, excluded_<filter>: long, …]`.
        filters: The filters that were applied.
    """
    if not filters:
        return {}
    columns = [excluded_by(one.name) for one in filters]
    per_user = opinions.groupBy("user_id").agg(*(F.sum(name).alias(name) for name in columns))
    sums = [F.coalesce(F.sum(name), F.lit(0)) for name in columns]
    row = per_user.agg(*(F.count_if(F.col(name) > 0) for name in columns), *sums).first()
    if row is None:
        raise RuntimeError("an aggregate without groups returned no row")
    users, events = row[: len(columns)], row[len(columns) :]
    return {
        one.name: {"users": int(n_users), "events": int(n_events)}
        for one, n_users, n_events in zip(filters, users, events, strict=True)
    }
