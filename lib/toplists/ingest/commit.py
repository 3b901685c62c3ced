"""Writing a load: events, refused rows. Each write can be repeated without changing its outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import delta.tables
import deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.ingest.summary import Summary
from toplists.lake.bookkeeping import delete_rows
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.frames import replace_part
from toplists.lake.tables import EVENTS, REJECTED_EVENTS

_COMMIT_NAME = "spark.databricks.delta.commitInfo.userMetadata"
_ROWS_PER_FILE = 250_000


@dataclass(frozen=True)
class Effect:
    """What a load did to `events`."""

    inserted: int
    updated: int


def write_events(
    rows: DataFrame, dataset: Dataset, load_id: str, summary: Summary, *, given_ids: bool
) -> Effect:
    """Bring the events of a load into `events`: new ones are inserted, newer versions replace older.

    Args:
        rows: As `toplists.ingest.identity.identify` returns them.
        dataset: Where `events` lies.
        load_id: The load, noted on every row and commit.
        summary: The counts of `rows`.
        given_ids: Whether event ids are the source's own, so that equal ids may differ in content.

    Returns:
        The effect of this load, also where an earlier attempt at it had it and then died.
    """
    events = (
        rows.where((F.size("reasons") == 0) & (F.col("copy") == 1))
        .withColumn("load_id", F.lit(load_id))
        .select(*EVENTS.column_names)
    )
    if summary.events:
        with _named_commits(rows.sparkSession, load_id):
            if _is_empty(dataset):
                _append(events, dataset, summary)
            else:
                _merge(events, dataset, summary, given_ids=given_ids)
    return _effect(dataset, load_id)


def write_rejected(
    rows: DataFrame, dataset: Dataset, load_id: str, names: Sequence[str], summary: Summary
) -> None:
    """Make the refused rows of a load its part of `rejected_events`; `names` are those of its files."""
    if summary.rejected:
        # One literal, however many files there are.
        file_names = F.from_json(F.lit(json.dumps(names)), "array<string>")
        refused = rows.where(F.size("reasons") > 0).withColumns(
            {"file": file_names[F.col("file")], "redriven_by": F.lit(None).cast("string")}
        )
        replace_part(refused, dataset, REJECTED_EVENTS, load_id=load_id)
    else:
        # An earlier attempt may have left some that have become acceptable, such as future times.
        delete_rows(dataset, REJECTED_EVENTS, where=f"load_id = '{load_id}'")


def _append(events: DataFrame, dataset: Dataset, summary: Summary) -> None:
    """Write the first events of a dataset, in files of disjoint ranges of days."""
    files = -(-summary.events // _ROWS_PER_FILE)
    order = ("event_date", "event_id")
    # Cutting ranges takes a sample first, which a single file does not need.
    cut = events.repartitionByRange(files, *order) if files > 1 else events.repartition(1)
    writer = cut.sortWithinPartitions(*order).write.format("delta").mode("append")
    with written(f"append {EVENTS.name}"):
        writer.save(dataset.path(EVENTS))


def _merge(events: DataFrame, dataset: Dataset, summary: Summary, *, given_ids: bool) -> None:
    table = delta.tables.DeltaTable.forPath(events.sparkSession, dataset.path(EVENTS))
    condition = "old.event_id = new.event_id"
    if not given_ids:
        # The id is made of the time too, so only the files of these days can hold a match.
        condition += f" AND ({_within(summary.days)})"
    merge = table.alias("old").merge(events.alias("new"), condition)
    if given_ids:
        # Without given ids, equal ids are equal contents: there is nothing to update.
        merge = merge.whenMatchedUpdateAll(
            "(old.updated_at IS NULL AND new.updated_at IS NOT NULL) "
            "OR new.updated_at > old.updated_at "
            "OR (new.updated_at <=> old.updated_at AND new.content_hash > old.content_hash)"
        )
    merge = merge.whenNotMatchedInsertAll()
    with written(f"merge {EVENTS.name}"):
        merge.execute()


def _within(days: tuple[date, date] | None) -> str:
    if days is None:
        return "old.event_date IS NULL"
    return f"old.event_date IS NULL OR old.event_date BETWEEN DATE'{days[0]}' AND DATE'{days[1]}'"


def _is_empty(dataset: Dataset) -> bool:
    return not deltalake.DeltaTable(dataset.path(EVENTS)).file_uris()


@contextmanager
def _named_commits(spark: SparkSession, load_id: str) -> Iterator[None]:
    """Note the load in the commits made inside, and in no other."""
    spark.conf.set(_COMMIT_NAME, load_id)
    try:
        yield
    finally:
        spark.conf.unset(_COMMIT_NAME)


def _effect(dataset: Dataset, load_id: str) -> Effect:
    """What all commits of a load did to `events`, by the table's own history.

    The attempt that writes the load's row in `loads` need not be the one that wrote the events.
    """
    inserted = updated = 0
    for commit in deltalake.DeltaTable(dataset.path(EVENTS)).history():
        if commit.get("operation") == "RESTORE":
            break  # Commits before it may have been undone.
        if commit.get("userMetadata") == load_id:
            metrics = commit["operationMetrics"]
            merged = "numTargetRowsInserted" in metrics
            inserted += int(metrics["numTargetRowsInserted" if merged else "numOutputRows"])
            updated += int(metrics.get("numTargetRowsUpdated", 0))
    return Effect(inserted, updated)
