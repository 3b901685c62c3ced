"""Which event a row is, and which of several rows of one event counts."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from toplists.ingest.source import SourceKind

_HASH_LENGTH = 32


def identify(rows: DataFrame, source: SourceKind) -> DataFrame:
    """Give every accepted row its event id, and number the rows of one event.

    An event without a given id is known by its content: source, user, item, type, value and time.
    Equal rows with a time are one event. Without a time those of one file are several, told apart by
    their ordinal among the equal rows of the file; the same rows in another file are the same events,
    whether the files come in one load or in several. None of this depends on the order of rows or
    columns.

    Args:
        rows: As `toplists.ingest.checks.judge` returns them.
        source: Kind of the source; events of different kinds are never the same.

    Returns:
        `rows` and `[source: string, content_hash: string, event_date: date, copy: int]`, with
        `event_id` filled. Of the rows with equal `event_id`, the one with the highest `updated_at`,
        then the greatest `content_hash`, has `copy` 1 and counts. For refused rows the added columns
        mean nothing.
    """
    accepted = F.size("reasons") == 0
    hashed = rows.withColumns(
        {"content_hash": _content_hash(source), "accepted": accepted}
    ).withColumn(
        # Refused rows have no identity: spread over the tasks, where a null would gather them in one.
        "identity",
        F.when(accepted, F.coalesce("event_id", "content_hash")).otherwise(
            F.concat_ws(":", "file", "line", "element")
        ),
    )
    order = [
        F.desc_nulls_last("updated_at"),
        F.desc("content_hash"),
        F.asc("file"),
        F.asc("line"),
        F.asc("element"),
    ]
    several = F.col("event_id").isNull() & F.col("event_time").isNull()
    # One exchange of rows serves both windows, since both begin with these columns.
    same = ["accepted", "identity"]
    in_file = Window.partitionBy(*same, "file").orderBy("line", "element")
    with_ordinal = hashed.repartition(*same).withColumn(
        "ordinal", F.when(several, F.row_number().over(in_file))
    )
    same_event = Window.partitionBy(*same, "ordinal").orderBy(*order)
    numbered = with_ordinal.withColumn("copy", F.row_number().over(same_event))
    told_apart = _hash(F.col("identity"), F.col("ordinal").cast("string"))
    return numbered.select(
        "file",
        "line",
        "element",
        "refusal",
        "raw",
        "reasons",
        F.when(several, told_apart).otherwise(F.col("identity")).alias("event_id"),
        F.lit(source).alias("source"),
        "user_id",
        "item_id",
        "event_type",
        "value",
        "event_time",
        F.to_date("event_time").alias("event_date"),
        "updated_at",
        "content_hash",
        "copy",
    )


def _content_hash(source: SourceKind) -> Column:
    # The bits of the value, not its text, which differs between releases of Java.
    value = F.when(F.col("value").isNotNull(), F.xxhash64("value").cast("string"))
    time = F.unix_micros("event_time").cast("string")
    return _hash(
        F.lit(source), F.col("user_id"), F.col("item_id"), F.col("event_type"), value, time
    )


def _hash(*parts: Column) -> Column:
    """The first 128 bits of SHA-256 over the parts, in hex; an absent part counts as an empty one."""
    present = [F.coalesce(part, F.lit("")) for part in parts]
    return F.left(F.sha2(F.concat_ws("\0", *present), 256), F.lit(_HASH_LENGTH))
