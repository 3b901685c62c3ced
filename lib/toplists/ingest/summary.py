"""What a load amounts to before anything is written, and whether it may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.errors import InputRefusedError
from toplists.ingest.batch import Batch

_EXAMPLES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Summary:
    """Counts of the rows of an input: `rows` = `events` + `repeated` + `rejected`.

    `repeated` rows are further copies of an event of the same input. `newest_event_time` and the
    range of days are those of the events; `None` where none has a time.
    """

    rows: int
    events: int
    repeated: int
    rejected: int
    newest_event_time: datetime | None
    days: tuple[date, date] | None


def summarise(rows: DataFrame) -> Summary:
    """Count rows as `toplists.ingest.identity.identify` returns them, in one pass.

    Raises:
        InputRefusedError: a file turned out to be damaged, or there is no row at all.
    """
    of_row = F.col("refusal").isNull()
    accepted = of_row & (F.size("reasons") == 0)
    event = accepted & (F.col("copy") == 1)
    day = F.when(event, F.col("event_date"))
    refused = F.when(~of_row, F.struct("file", "line", "refusal"))
    found = rows.agg(
        F.count_if(of_row).alias("rows"),
        F.count_if(event).alias("events"),
        F.count_if(accepted).alias("accepted"),
        # As a number: a collected timestamp is in the time zone of this machine.
        F.max(F.when(event, F.unix_micros("event_time"))).alias("newest"),
        F.min(day).alias("first_day"),
        F.max(day).alias("last_day"),
        F.min(refused).alias("refused"),
    ).collect()[0]
    if found.refused is not None:
        raise InputRefusedError(found.refused.refusal)
    newest = None if found.newest is None else _EPOCH + timedelta(microseconds=found.newest)
    return Summary(
        rows=found.rows,
        events=found.events,
        repeated=found.accepted - found.events,
        rejected=found.rows - found.accepted,
        newest_event_time=newest,
        days=None if found.first_day is None else (found.first_day, found.last_day),
    )


def require_enough(
    summary: Summary, rows: DataFrame, batch: Batch, max_rejected_share: float
) -> None:
    """Refuse an input without rows, or with too many refused ones; show what is wrong with them.

    Args:
        summary: The counts of `rows`.
        rows: What `summary` was made of.
        batch: Where the rows came from.
        max_rejected_share: Share of refused rows that is still allowed.

    Raises:
        InputRefusedError: the whole input is refused.
    """
    source = batch.source
    if summary.rows == 0:
        raise InputRefusedError(f"{source.path} has no rows. Expected at least one event.")
    if summary.rejected <= max_rejected_share * summary.rows:
        return
    refused = rows.where(F.size("reasons") > 0)
    by_code = (
        refused.select(F.explode("reasons").alias("reason"))
        .groupBy(F.substring_index("reason", ":", 1).alias("code"))
        .count()
        .orderBy(F.desc("count"), "code")
        .collect()
    )
    examples = refused.orderBy("file", "line").limit(_EXAMPLES).collect()
    counts = ", ".join(f"{row.code} ({row['count']:,})" for row in by_code)
    shown = "; ".join(
        f"{batch.events[row.file].file} line {row.line}: {row.raw!r} ({', '.join(row.reasons)})"
        for row in examples
    )
    raise InputRefusedError(
        f"{summary.rejected:,} of {summary.rows:,} rows of {source.path} are refused, more than the "
        f"share of {max_rejected_share:g} that ingest.max_rejected_share allows; nothing was taken in. "
        f"Reasons: {counts}. First of them: {shown}. Correct the input, or allow more with "
        "--set ingest.max_rejected_share=SHARE."
    )
