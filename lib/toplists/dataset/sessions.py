"""Sessions: events of a user without a long pause between them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

_MICROSECONDS_PER_MINUTE = 60_000_000


def number_sessions(events: DataFrame, gap_minutes: int) -> DataFrame:
    """Number the sessions of every user from 1, in order of time.

    A session ends where the user's next event is more than `gap_minutes` later; at exactly that
    distance it goes on. Events of one time are in one session. An event without a time is in none.

    Args:
        events: `[user_id: string, event_time: timestamp, …]`.
        gap_minutes: The longest pause within a session.

    Returns:
        The input with `session: int`.
    """
    time = F.unix_micros("event_time")
    # Events without a time come first, where none of them stands between two others.
    in_time = W.partitionBy("user_id").orderBy(F.col("event_time").asc_nulls_first())
    pause = time - F.lag(time).over(in_time)
    begins = time.isNotNull() & F.coalesce(
        pause > gap_minutes * _MICROSECONDS_PER_MINUTE, F.lit(True)
    )
    marked = events.withColumn("begins", begins.cast("int"))
    number = F.sum("begins").over(in_time.rowsBetween(W.unboundedPreceding, W.currentRow))
    session = F.when(F.col("event_time").isNotNull(), number.cast("int"))
    return marked.withColumn("session", session).drop("begins")
