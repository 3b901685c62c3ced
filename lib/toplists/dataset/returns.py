"""Purchases that were sent back."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

PURCHASE = "purchase"
RETURN = "return"


def mark_returned(events: DataFrame) -> DataFrame:
    """Mark the purchases that a return cancels.

    A return cancels the latest purchase of its pair before it that no earlier return has cancelled;
    one without such a purchase cancels nothing. "Before" is by time; of events of one time purchases
    come first, then the event id decides. Events without a time come before those with one.

    This is the matching of brackets: with a depth that grows by 1 at a purchase and falls by 1, not
    below 0, at a return, a purchase is cancelled if the depth ever falls below its own again.

    Args:
        events: `[user_id, item_id, event_id, event_type: string, event_time: timestamp, …]`.

    Returns:
        The input with `returned: boolean`, false for everything that is not a cancelled purchase.
    """
    kind = F.col("event_type")
    is_return = kind == RETURN
    step = F.when(kind == PURCHASE, 1).when(is_return, -1).otherwise(0)
    pair = W.partitionBy("user_id", "item_id")
    forwards = pair.orderBy(F.col("event_time").asc_nulls_first(), is_return, "event_id")
    so_far = forwards.rowsBetween(W.unboundedPreceding, W.currentRow)
    # The same order from its end: Spark takes quadratic time to look ahead, but not to look back.
    backwards = pair.orderBy(
        F.col("event_time").desc_nulls_last(), is_return.desc(), F.col("event_id").desc()
    )
    later = backwards.rowsBetween(W.unboundedPreceding, -1)

    summed = events.withColumn("balance", F.sum(step).over(so_far))
    # A return that finds nothing takes the balance to a new low; there the ground is lowered.
    ground = F.least(F.lit(0), F.min("balance").over(so_far))
    placed = summed.withColumn("depth", F.col("balance") - ground)
    falls = F.coalesce(F.min("depth").over(later) < F.col("depth"), F.lit(False))
    return placed.withColumn("returned", (kind == PURCHASE) & falls).drop("balance", "depth")
