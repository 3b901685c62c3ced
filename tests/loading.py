"""Taking sources into a dataset, and looking at what is there afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from toplists.config.ingest import IngestSettings
from toplists.ingest.batch import loads_of, next_batch
from toplists.ingest.load import LoadReport, ingest, ingest_entries, known_report
from toplists.ingest.recognition import recognise
from toplists.ingest.source import parse_source
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import EVENTS, LOADS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def take_in(
    spark: SparkSession | None,
    dataset: Dataset,
    source: str,
    settings: IngestSettings = IngestSettings(),
    **options: Any,
) -> LoadReport:
    """Take what is new of a source (`KIND:PATH`) into `dataset`; few plain rows need no session."""
    loads = read_rows(dataset, LOADS)
    recognised = recognise(parse_source(source), settings, loads)
    batch = next_batch(recognised, loads, settings)
    if batch is None:
        return known_report(loads_of(recognised, loads, settings))
    options = {"loaded_at": NOW} | options
    if not batch.events:
        return ingest_entries(dataset, batch, settings, **options)

    def session() -> SparkSession:
        assert spark is not None
        return spark

    return ingest(session, dataset, batch, settings, **options)


def counts(report: LoadReport) -> tuple[int, int, int, int, int]:
    """Rows, accepted, duplicates, corrections, rejected."""
    parts = (report.accepted, report.duplicates, report.corrections, report.rejected)
    assert report.rows == sum(parts)
    return (report.rows, *parts)


def events(dataset: Dataset, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[name] for name in columns) for row in read_rows(dataset, EVENTS))
