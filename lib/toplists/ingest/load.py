"""Taking a batch in: files → checked rows → events, refused rows, catalogues and a row in `loads`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from toplists.config.ingest import IngestSettings
from toplists.ingest.batch import Batch
from toplists.ingest.checks import judge
from toplists.ingest.commit import Effect, remove_rejected, write_events, write_rejected
from toplists.ingest.pieces import HERE_ROWS, PIECE_BYTES, estimate_rows
from toplists.ingest.reading import read_entries
from toplists.ingest.recovery import complete_loads, take_back_unfinished
from toplists.ingest.scan import scan, scan_here, stage_accepted
from toplists.ingest.summary import (
    Summary,
    require_enough,
    require_rows,
    require_unchanged,
    tally,
)
from toplists.ingest.upsert import upsert
from toplists.lake.bookkeeping import Row, append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.tables import ITEMS, LOADS, USERS

_COUNTS = ("rows", "accepted", "duplicates", "corrections", "rejected")
_TABLES = {"items": ITEMS, "users": USERS}


@dataclass(frozen=True)
class LoadReport:
    """What became of an input: `rows` = `accepted` + `duplicates` + `corrections` + `rejected`.

    `entries` is the number of entries in the catalogues of the input. Where the input was
    `already_loaded`, the counts are those of the loads that did it, and `entries` is 0.
    """

    load_id: str
    source: str
    path: str
    rows: int
    accepted: int
    duplicates: int
    corrections: int
    rejected: int
    entries: int
    newest_event_time: datetime | None
    already_loaded: bool


def ingest(
    start_session: Callable[[], SparkSession],
    dataset: Dataset,
    batch: Batch,
    settings: IngestSettings,
    *,
    loaded_at: datetime,
    piece_bytes: int = PIECE_BYTES,
    here_rows: int = HERE_ROWS,
) -> LoadReport:
    """Take a batch with events into `dataset`.

    It can be killed at any point and run again: every write replaces or recognises what an earlier
    attempt left, and the row in `loads`, which makes the batch known, is written last. What another
    batch left when it was killed is taken back first.

    Args:
        start_session: Starts Spark, which few rows do not need if all of them are plainly right.
        dataset: Where to; its tables are created if they are missing.
        batch: What to take in.
        settings: How many refused rows are too many, and how catalogues are read.
        loaded_at: The present moment, with its time zone: later times are refused, and it is noted.
        piece_bytes: Size of the pieces that plain text files are cut into, one per task.
        here_rows: Up to about so many rows are few.

    Raises:
        InputRefusedError: the input is not what it should be; nothing was written.
    """
    with _staging_folder(dataset, batch) as folder:
        staged = None
        if "event_id" not in batch.row_rules.roles and estimate_rows(batch.events) <= here_rows:
            staged = scan_here(batch, piece_bytes, loaded_at, folder)
        if staged is not None:
            few = Summary(0, (staged,))
            return _take_in(None, None, dataset, batch, few, settings, loaded_at)
        spark = start_session()
        with ExitStack() as kept:
            refused, summary = _read(spark, batch, piece_bytes, loaded_at, folder, kept)
            return _take_in(spark, refused, dataset, batch, summary, settings, loaded_at)


def _read(
    spark: SparkSession,
    batch: Batch,
    piece_bytes: int,
    loaded_at: datetime,
    folder: Path,
    kept: ExitStack,
) -> tuple[DataFrame | None, Summary]:
    """Stage all rows that are right; the refused ones, if any, persisted until `kept` is closed, and counts."""
    # Where a whole feed is not plain, this is large.
    others = scan(spark, batch, piece_bytes, loaded_at, folder).persist(StorageLevel.DISK_ONLY)
    kept.callback(others.unpersist)
    plain = tally(others)
    if not plain.left:
        return None, Summary(0, plain.staged)
    judged = judge(others.where("staged IS NULL"), batch.row_rules, loaded_at)
    refused = stage_accepted(judged, batch.source.kind, folder).persist()
    kept.callback(refused.unpersist)
    rest = tally(refused)
    summary = Summary(rest.left, (*plain.staged, *rest.staged))
    return (refused if rest.left else None), summary


@contextmanager
def _staging_folder(dataset: Dataset, batch: Batch) -> Iterator[Path]:
    """A folder for the rows of a load, gone afterwards, and so are those around it if nothing else is there."""
    folder = dataset.work / f"load-{batch.load_id}"
    try:
        yield folder
    finally:
        with written("removal of staged rows"):
            shutil.rmtree(folder, ignore_errors=True)
            for parent in (dataset.work, dataset.root):
                with suppress(OSError):  # it holds something else
                    parent.rmdir()


def _take_in(
    spark: SparkSession | None,
    refused: DataFrame | None,
    dataset: Dataset,
    batch: Batch,
    summary: Summary,
    settings: IngestSettings,
    loaded_at: datetime,
) -> LoadReport:
    """Write what was staged, and the refused rows, if there are any."""
    require_rows(summary, batch)
    if refused is not None:
        require_enough(summary, refused, batch, settings.max_rejected_share)
    entries = _count_entries(batch, settings)
    require_unchanged(batch.parts)
    dataset.create_tables()
    _take_back(dataset, batch)
    effect = write_events(
        spark,
        summary.staged,
        dataset,
        batch.load_id,
        batch.source.kind,
        given_ids="event_id" in batch.row_rules.roles,
    )
    if refused is None:
        remove_rejected(dataset, batch.load_id)
    else:
        names = [str(one.file) for one in batch.events]
        write_rejected(refused, dataset, batch.load_id, names)
    # Last: until they are taken back, entries of a dead load are not hidden as its events are.
    _write_entries(dataset, batch, settings)
    return _complete(dataset, batch, summary, effect, entries, loaded_at)


def ingest_entries(
    dataset: Dataset, batch: Batch, settings: IngestSettings, *, loaded_at: datetime
) -> LoadReport:
    """Take a batch of nothing but catalogues into `dataset`, which needs no Spark; as `ingest`."""
    entries = _count_entries(batch, settings)
    require_unchanged(batch.parts)
    dataset.create_tables()
    _take_back(dataset, batch)
    _write_entries(dataset, batch, settings)
    return _complete(dataset, batch, Summary(0, ()), Effect(0, 0), entries, loaded_at)


def known_report(loads: Sequence[Row]) -> LoadReport:
    """What became of an input whose parts `loads`, one at least, took in before. Needs no Spark."""
    newest = max(loads, key=lambda load: (load["loaded_at"], load["load_id"]))
    times = [load["newest_event_time"] for load in loads if load["newest_event_time"]]
    return replace(
        _report(newest, entries=0, already_loaded=True),
        newest_event_time=max(times, default=None),
        **{name: sum(load[name] for load in loads) for name in _COUNTS},
    )


def _take_back(dataset: Dataset, batch: Batch) -> None:
    take_back_unfinished(dataset, complete_loads(dataset), batch.load_id)


def _count_entries(batch: Batch, settings: IngestSettings) -> int:
    """The number of entries in the catalogues; reading them all finds what is wrong with them."""
    return sum(1 for one in batch.entries for _ in read_entries(one, settings))


def _write_entries(dataset: Dataset, batch: Batch, settings: IngestSettings) -> None:
    for one in batch.entries:
        upsert(dataset, _TABLES[one.table], read_entries(one, settings), batch.load_id)
    # They were read once more. A load that is not complete is taken back.
    require_unchanged([part for part in batch.parts if part.entries])


def _complete(
    dataset: Dataset,
    batch: Batch,
    summary: Summary,
    effect: Effect,
    entries: int,
    loaded_at: datetime,
) -> LoadReport:
    """Write the row in `loads`."""
    load: Row = {
        "load_id": batch.load_id,
        "source": batch.source.kind,
        "path": batch.source.path,
        "fingerprint": batch.fingerprint,
        "rows": summary.rows,
        "accepted": effect.inserted,
        "duplicates": summary.accepted - effect.inserted - effect.updated,
        "corrections": effect.updated,
        "rejected": summary.rejected,
        "newest_event_time": effect.newest_event_time,
        "loaded_at": loaded_at,
        "files": [
            {"path": part.path, "fingerprint": part.fingerprint, "header": part.header}
            for part in batch.parts
        ],
        "redrive_of": None,
    }
    append_rows(dataset, LOADS, [load])
    return _report(load, entries=entries, already_loaded=False)


def _report(load: Row, *, entries: int, already_loaded: bool) -> LoadReport:
    return LoadReport(
        load_id=load["load_id"],
        source=load["source"],
        path=load["path"],
        newest_event_time=load["newest_event_time"],
        entries=entries,
        already_loaded=already_loaded,
        **{name: load[name] for name in _COUNTS},
    )
