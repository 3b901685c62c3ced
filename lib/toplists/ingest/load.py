"""Taking a batch in: files → checked rows → events, refused rows, catalogues and a row in `loads`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from toplists.config.settings import IngestSettings
from toplists.ingest.batch import Batch
from toplists.ingest.checks import judge
from toplists.ingest.commit import Effect, write_events, write_rejected
from toplists.ingest.identity import identify
from toplists.ingest.pieces import PIECE_BYTES
from toplists.ingest.reading import read_entries
from toplists.ingest.recovery import complete_loads, take_back_unfinished
from toplists.ingest.rules import RowRules
from toplists.ingest.scan import scan
from toplists.ingest.summary import Summary, require_enough, summarise
from toplists.ingest.upsert import upsert
from toplists.lake.bookkeeping import Row, append_rows
from toplists.lake.dataset import Dataset
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
    spark: SparkSession,
    dataset: Dataset,
    batch: Batch,
    settings: IngestSettings,
    *,
    loaded_at: datetime,
    piece_bytes: int = PIECE_BYTES,
) -> LoadReport:
    """Take a batch with events into `dataset`.

    It can be killed at any point and run again: every write replaces or recognises what an earlier
    attempt left, and the row in `loads`, which makes the batch known, is written last. What another
    batch left when it was killed is taken back first.

    Args:
        spark: The session.
        dataset: Where to; its tables are created if they are missing.
        batch: What to take in.
        settings: How many refused rows are too many, and how catalogues are read.
        loaded_at: The present moment, with its time zone: later times are refused, and it is noted.
        piece_bytes: Size of the pieces that plain text files are cut into, one per task.

    Raises:
        InputRefusedError: the input is not what it should be; nothing was written.
    """
    rules = _rules(batch)
    scanned = scan(spark, batch.events, piece_bytes)
    rows: DataFrame = identify(judge(scanned, rules, loaded_at), batch.source.kind).persist()
    try:
        summary = summarise(rows)
        require_enough(summary, rows, batch, settings.max_rejected_share)
        entries = _count_entries(batch, settings)
        dataset.create_tables()
        take_back_unfinished(dataset, complete_loads(dataset), batch.load_id)
        given_ids = "event_id" in rules.roles
        effect = write_events(rows, dataset, batch.load_id, summary, given_ids=given_ids)
        names = [str(one.file) for one in batch.events]
        write_rejected(rows, dataset, batch.load_id, names, summary)
        # Last: until they are taken back, entries of a dead load are not hidden as its events are.
        _write_entries(dataset, batch, settings)
    finally:
        rows.unpersist()
    return _complete(dataset, batch, summary, effect, entries, loaded_at)


def ingest_entries(
    dataset: Dataset, batch: Batch, settings: IngestSettings, *, loaded_at: datetime
) -> LoadReport:
    """Take a batch of nothing but catalogues into `dataset`, which needs no Spark; as `ingest`."""
    entries = _count_entries(batch, settings)
    dataset.create_tables()
    take_back_unfinished(dataset, complete_loads(dataset), batch.load_id)
    _write_entries(dataset, batch, settings)
    return _complete(
        dataset, batch, Summary(0, 0, 0, 0, None, None), Effect(0, 0), entries, loaded_at
    )


def known_report(loads: Sequence[Row]) -> LoadReport:
    """What became of an input whose parts `loads`, one at least, took in before. Needs no Spark."""
    newest = max(loads, key=lambda load: (load["loaded_at"], load["load_id"]))
    times = [load["newest_event_time"] for load in loads if load["newest_event_time"]]
    return replace(
        _report(newest, entries=0, already_loaded=True),
        newest_event_time=max(times, default=None),
        **{name: sum(load[name] for load in loads) for name in _COUNTS},
    )


def _rules(batch: Batch) -> RowRules:
    if batch.rules is None:
        raise ValueError("a batch without events has no rows; see ingest_entries")
    return batch.rules


def _count_entries(batch: Batch, settings: IngestSettings) -> int:
    """The number of entries in the catalogues; reading them all finds what is wrong with them."""
    return sum(1 for one in batch.entries for _ in read_entries(one, settings))


def _write_entries(dataset: Dataset, batch: Batch, settings: IngestSettings) -> None:
    for one in batch.entries:
        upsert(dataset, _TABLES[one.table], read_entries(one, settings), batch.load_id)


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
        "duplicates": summary.rows - summary.rejected - effect.inserted - effect.updated,
        "corrections": effect.updated,
        "rejected": summary.rejected,
        "newest_event_time": summary.newest_event_time,
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
