"""The one loader: everything that reads feedback reads it through here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.lake.dataset import Dataset
from toplists.lake.frames import read_frame
from toplists.lake.tables import EVENTS


def known_before(as_of: date) -> datetime:
    """The instant at which `as_of` begins: what happened before it is known, nothing later."""
    return datetime.combine(as_of, time(), tzinfo=UTC)


def load_events(
    spark: SparkSession, dataset: Dataset, as_of: date, loads: Sequence[str]
) -> DataFrame:
    """The events known at `as_of`: before its 00:00 UTC, or without a time.

    Only events of `loads`, the complete loads that make the run what it is, are seen: what an
    interrupted ingest left behind is none of them, and waits for its ingest to be repeated.

    Returns:
        The columns of `events`.
    """
    event_time = F.col("event_time")
    known = event_time.isNull() | (event_time < F.lit(known_before(as_of)))
    return read_frame(spark, dataset, EVENTS).where(F.col("load_id").isin(list(loads)) & known)
