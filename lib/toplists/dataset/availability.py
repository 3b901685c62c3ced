"""Which items may be recommended: those that are available and not on the stop-list.

The others are still trained on (unless they are on the stop-list) and still count as seen.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def mark_recommendable(
    items: DataFrame, catalogue: DataFrame, as_of: datetime, stop_items: Collection[str]
) -> DataFrame:
    """Say of every item whether it may be recommended.

    Args:
        items: `[item_id: string, …]`.
        catalogue: `[item_id: string, available_from: timestamp, available_until: timestamp]`, an item
            at most once. An item is available if `available_from <= as_of < available_until`; a null
            is no limit, and so is an item's absence.
        as_of: When availability is looked up.
        stop_items: Ids of items that may not.

    Returns:
        The input with `recommendable: boolean`.
    """
    now = F.lit(as_of)
    gone = (F.col("available_from") > now) | (F.col("available_until") <= now)
    unavailable = catalogue.where(gone).select("item_id", F.lit(True).alias("unavailable"))
    stopped = F.col("item_id").isin(sorted(stop_items)) if stop_items else F.lit(False)
    hidden = F.coalesce(F.col("unavailable"), F.lit(False)) | stopped
    marked = items.join(unavailable, "item_id", "left").withColumn("recommendable", ~hidden)
    return marked.drop("unavailable")
