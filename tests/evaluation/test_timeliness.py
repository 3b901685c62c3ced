"""Hours from events to the lists that know them, counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.evaluation.timeliness import measure_timeliness

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SINCE = datetime(2024, 3, 1, tzinfo=UTC)
AT = SINCE + timedelta(hours=30)


def stored(folder: Path, *files: list[float | None]) -> tuple[str, ...]:
    """Files of interactions, by their hours after the live lists' last event."""
    paths = []
    for number, hours in enumerate(files):
        times = [None if hour is None else SINCE + timedelta(hours=hour) for hour in hours]
        path = folder / f"{number}.parquet"
        pq.write_table(pa.table({"event_time": pa.array(times, pa.timestamp("us", "UTC"))}), path)
        paths.append(str(path))
    return tuple(paths)


def test_only_what_is_new_counts(spark: SparkSession, tmp_path: Path) -> None:
    # What the live lists know already is not new, nor is what has no time.
    files = stored(tmp_path, [-5.0, 0.0, 12.0], [None], [24.0])
    found = measure_timeliness(spark, files, since=SINCE, at=AT)
    assert {one.metric: one.value for one in found} == pytest.approx(
        {"responsiveness": (30 + 18 + 6) / 3, "freshness": 6.0}
    )
    assert {one.users for one in found} == {3}


def test_nothing_new_has_no_figures(spark: SparkSession, tmp_path: Path) -> None:
    files = stored(tmp_path, [-1.0, None])
    assert measure_timeliness(spark, files, since=SINCE, at=AT) == []
