"""How soon lists reflect what happened: hours between events and the lists that are the first to know them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import nan

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.tasks import collect_tasks
from toplists.evaluation.comparison import LISTS, LIVE, Figure

_HOUR = timedelta(hours=1)
_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measure_timeliness(
    spark: SparkSession, files: Sequence[str], *, since: datetime, at: datetime
) -> list[Figure]:
    """How old events are when lists first reflect them.

    Args:
        spark: The session.
        files: Parquet files of what the lists are made of: `[event_time: timestamp]`, the last event of
            each pair, null where it has no time.
        since: Up to when the live lists know events; what came from then on is new.
        at: When the new lists are ready.

    Returns:
        `responsiveness`, the mean hours from a new event to the new lists, and `freshness`, the hours from
        the newest event to them; with the number of new events. None where nothing new has a time.
    """
    begin = _as_microseconds(since)

    def count(file: str) -> tuple[int, int, int]:
        events, seconds, newest = 0, 0, begin
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(columns=["event_time"]):
                times = batch.column(0).drop_null().cast(pa.timestamp("us", "UTC")).cast(pa.int64())
                new = times.filter(pc.greater_equal(times, begin))
                if len(new):
                    events += len(new)
                    after = pc.divide(pc.subtract(new, begin), _MICROSECONDS)
                    seconds += pc.sum(after).as_py()
                    newest = max(newest, pc.max(new).as_py())
        return events, seconds, newest

    counts = collect_tasks(spark, files, count)
    events = sum(one for one, _, _ in counts)
    if not events:
        return []
    mean = since + timedelta(seconds=sum(seconds for _, seconds, _ in counts) / events)
    newest = _EPOCH + timedelta(microseconds=max(one for _, _, one in counts))
    hours = {"responsiveness": (at - mean) / _HOUR, "freshness": (at - newest) / _HOUR}
    return [Figure(LISTS, name, LIVE, value, nan, nan, events) for name, value in hours.items()]


def _as_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
