"""The two sides of a snapshot: its users and its items, with their positions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.recommend import RecommendSettings
from toplists.dataset.availability import mark_recommendable
from toplists.dataset.loader import known_before
from toplists.dataset.positions import IDS_PER_BUCKET, add_positions
from toplists.dataset.segments import assign_segments
from toplists.dataset.splits import Survey


def user_axis(
    opinions: DataFrame,
    seen: Survey,
    attributes: DataFrame,
    as_of: date,
    settings: RecommendSettings,
) -> DataFrame:
    """Every user with position, counts, segment, and whether the user gets a list.

    A user whose events all are older than `active_days` gets none; one whom a filter left out of
    training does.

    Args:
        opinions: `[user_id, item_id, weight, event_time, last_time, …]`.
        seen: Their number.
        attributes: The table `users`.
        as_of: End of what is known.
        settings: `active_days`, `segment_by` and `max_segments`.

    Returns:
        `[user_id, user_pos, interactions, trained, first_time, last_time, eligible, segment]`.
    """
    active = F.lit(True)
    if settings.active_days is not None:
        since = known_before(as_of - timedelta(days=settings.active_days))
        active = F.coalesce(F.col("last_time") >= F.lit(since), F.lit(True))
    counted = _count_by(opinions, "user_id")
    users = add_positions(counted, "user_id", "user_pos", seen.users).withColumn("eligible", active)
    if settings.segment_by is None:
        return users.withColumn("segment", F.lit(None).cast("string"))
    return assign_segments(users, attributes, settings.segment_by, settings.max_segments)


def item_axis(
    opinions: DataFrame,
    seen: Survey,
    catalogue: DataFrame,
    as_of: date,
    stop_items: Collection[str],
    new_items: bool = False,
) -> DataFrame:
    """Every item with position, counts, and whether it may be recommended at `as_of`.

    Args:
        opinions: `[user_id, item_id, weight, event_time, last_time, …]`.
        seen: Their number.
        catalogue: The table `items`.
        as_of: End of what is known.
        stop_items: Items that may not.
        new_items: Whether items that only the catalogue knows are there as well, if they may be recommended.

    Returns:
        `[item_id, item_pos, interactions, trained, first_time, last_time, recommendable]`.
    """
    now = known_before(as_of)
    items = _count_by(opinions, "item_id")
    size = seen.interactions
    if new_items:
        known = mark_recommendable(catalogue.select("item_id"), catalogue, now, stop_items)
        open_ids = known.where("recommendable").select("item_id")
        items = items.join(open_ids, "item_id", "full").fillna(0, ["interactions", "trained"])
        size += catalogue.count()
    # Or a few more, where it does not matter for their positions.
    if size > IDS_PER_BUCKET:
        size = items.count()
    placed = add_positions(items, "item_id", "item_pos", size)
    return mark_recommendable(placed, catalogue, now, stop_items)


def _count_by(opinions: DataFrame, id_column: str) -> DataFrame:
    """One side of the snapshot: every id with its counts."""
    return opinions.groupBy(id_column).agg(
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(F.col("weight") > 0).alias("trained"),
        F.min("event_time").alias("first_time"),
        F.max("last_time").alias("last_time"),
    )
