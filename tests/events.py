"""Events small enough to write down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AS_OF = date(2024, 3, 1)
END = datetime(2024, 3, 1, tzinfo=UTC)

SCHEMA = (
    "event_id string, user_id string, item_id string, event_type string, value double, "
    "event_time timestamp"
)
Event = tuple[str, str, str, str, float | None, datetime | None]


def days_ago(days: float) -> datetime:
    """An instant before `END`."""
    return END - timedelta(days=days)


def event(
    name: str,
    kind: str = "view",
    *,
    user: str = "ada",
    item: str = "i1",
    value: float | None = None,
    time: datetime | None = None,
) -> Event:
    """One event; `name` is its id."""
    return name, user, item, kind, value, time


def frame(spark: SparkSession, events: Sequence[Event]) -> DataFrame:
    """The events as rows."""
    return spark.createDataFrame(list(events), SCHEMA)


def by(key: str, rows: DataFrame) -> dict[str, dict[str, Any]]:
    """Rows as dictionaries by one of their columns, each value once."""
    found = [row.asDict() for row in rows.collect()]
    keyed = {row[key]: row for row in found}
    assert len(keyed) == len(found)
    return keyed


@contextmanager
def shuffle_partitions(spark: SparkSession, number: int) -> Iterator[None]:
    """Shuffle into so many partitions, whether rows are few or not."""
    changes = {
        "spark.sql.shuffle.partitions": str(number),
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
    before = {key: spark.conf.get(key) for key in changes}
    for key, value in changes.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            spark.conf.set(key, str(old))
