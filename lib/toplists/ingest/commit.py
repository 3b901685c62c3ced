"""Writing a load: events, refused rows. Each write can be repeated without changing its outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import delta.tables
import deltalake
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.engine.tasks import run_tasks
from toplists.errors import ToplistsError
from toplists.ingest.event_files import event_rows, stored_files, write_new_events
from toplists.ingest.source import SourceKind
from toplists.ingest.staging import Bucket, StagedFile, as_time, cut_buckets, newest_of, paths_of
from toplists.lake.adding import NEW_FILES, NewFile, add_files
from toplists.lake.bookkeeping import delete_rows
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.frames import replace_part, spark_schema
from toplists.lake.tables import EVENTS, REJECTED_EVENTS

_COMMIT_NAME = "spark.databricks.delta.commitInfo.userMetadata"
_ROWS_PER_FILE = 250_000


@dataclass(frozen=True)
class Effect:
    """What a load did to `events`, and the time of the newest of its events, if any has one."""

    inserted: int
    updated: int
    newest_event_time: datetime | None = None


def write_events(
    spark: SparkSession | None,
    staged: Sequence[StagedFile],
    dataset: Dataset,
    load_id: str,
    source: SourceKind,
    *,
    given_ids: bool,
) -> Effect:
    """Bring the events of a load into `events`: new ones are inserted, newer versions replace older.

    Args:
        spark: The session; `None` does without one, which is not possible with given ids.
        staged: The accepted rows.
        dataset: Where `events` lies.
        load_id: The load, noted on every row and commit.
        source: Kind of the source.
        given_ids: Whether event ids are the source's own, so that equal ids may differ in content.

    Returns:
        The effect of this load, also where an earlier attempt at it had it and then died.

    Raises:
        ToplistsError: what was written is not found again.
    """
    files = [one for one in staged if one.rows]
    newest = newest_of(files)
    buckets = cut_buckets(files, _ROWS_PER_FILE)
    added = 0
    if buckets and given_ids:
        if spark is None:
            raise ValueError("events with given ids may replace others, which takes a session")
        read = partial(_read_events, load_id=load_id, source=source)
        pieces = [(bucket, paths_of(bucket, files)) for bucket in buckets]
        events = run_tasks(spark, pieces, read, spark_schema(EVENTS).simpleString())
        # A version that does not count may be of a later time.
        newest = events.agg(F.max(F.unix_micros("event_time"))).collect()[0][0]
        with _named_commits(spark, load_id):
            if _is_empty(dataset):
                _append(events, dataset, sum(one.rows for one in files))
            else:
                _merge(events, dataset)
    elif buckets:
        added = _add(spark, buckets, files, dataset, load_id, source)
    effect = _effect(dataset, load_id)
    if effect.inserted < added:
        raise ToplistsError(
            f"{added:,} new events were added to {dataset.path(EVENTS)}, but its history does not show "
            f"load {load_id}: the load was not completed. Look at the log of that table."
        )
    return replace(effect, newest_event_time=as_time(newest))


def write_rejected(rows: DataFrame, dataset: Dataset, load_id: str, names: Sequence[str]) -> None:
    """Make the refused rows of a load its part of `rejected_events`.

    Args:
        rows: `[file: int, line: long, element: long, raw: string, reasons: array<string>]`; those
            without reasons do not count.
        dataset: Where `rejected_events` lies.
        load_id: The load.
        names: Names of its files.
    """
    # One literal, however many files there are.
    file_names = F.from_json(F.lit(json.dumps(names)), "array<string>")
    refused = rows.where(F.size("reasons") > 0).withColumns(
        {"file": file_names[F.col("file")], "redriven_by": F.lit(None).cast("string")}
    )
    replace_part(refused, dataset, REJECTED_EVENTS, load_id=load_id)


def remove_rejected(dataset: Dataset, load_id: str) -> None:
    """Remove what an earlier attempt refused and this one does not, such as future times."""
    delete_rows(dataset, REJECTED_EVENTS, where=f"load_id = '{load_id}'")


def _add(
    spark: SparkSession | None,
    buckets: Sequence[Bucket],
    files: Sequence[StagedFile],
    dataset: Dataset,
    load_id: str,
    source: SourceKind,
) -> int:
    """Add the events that are not there yet, in files of disjoint ranges of days; how many they are.

    An id is made of the time too, so only files of a bucket's days can hold one of its events.
    """
    stored = stored_files(deltalake.DeltaTable(dataset.path(EVENTS)))
    pieces = [
        (bucket, paths_of(bucket, files), [one.path for one in stored if one.may_hold(bucket)])
        for bucket in buckets
    ]
    folder = dataset.path(EVENTS)

    def write(piece: tuple[Bucket, list[str], list[str]]) -> Iterator[pa.RecordBatch]:
        bucket, staged, known = piece
        return write_new_events(bucket, staged, known, folder, load_id, source)

    if spark is None:
        rows = [row for piece in pieces for batch in write(piece) for row in batch.to_pylist()]
    else:
        rows = [row.asDict() for row in run_tasks(spark, pieces, write, NEW_FILES).collect()]
    new = [NewFile(**row) for row in rows]
    if new:
        add_files(dataset, EVENTS, new, note=load_id)
    return sum(one.rows for one in new)


def _read_events(
    piece: tuple[Bucket, list[str]], load_id: str, source: SourceKind
) -> Iterator[pa.RecordBatch]:
    bucket, staged = piece
    rows, _ = event_rows(bucket, staged, load_id, source)
    return iter(rows.to_batches())


def _append(events: DataFrame, dataset: Dataset, rows: int) -> None:
    """Write the first events of a dataset, in files of disjoint ranges of days."""
    files = -(-rows // _ROWS_PER_FILE)
    order = ("event_date", "event_id")
    # Cutting ranges takes a sample first, which a single file does not need.
    cut = events.repartitionByRange(files, *order) if files > 1 else events.repartition(1)
    writer = cut.sortWithinPartitions(*order).write.format("delta").mode("append")
    with written(f"append {EVENTS.name}"):
        writer.save(dataset.path(EVENTS))


def _merge(events: DataFrame, dataset: Dataset) -> None:
    table = delta.tables.DeltaTable.forPath(events.sparkSession, dataset.path(EVENTS))
    merge = (
        table.alias("old")
        .merge(events.alias("new"), "old.event_id = new.event_id")
        .whenMatchedUpdateAll(
            "(old.updated_at IS NULL AND new.updated_at IS NOT NULL) "
            "OR new.updated_at > old.updated_at "
            "OR (new.updated_at <=> old.updated_at AND new.content_hash > old.content_hash)"
        )
        .whenNotMatchedInsertAll()
    )
    with written(f"merge {EVENTS.name}"):
        merge.execute()


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
