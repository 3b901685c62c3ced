"""Taking an input in: files → checked rows → events, refused rows, items and a row in `loads`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from toplists.config.settings import IngestSettings
from toplists.ingest.catalogue import read_catalogue, upsert_items
from toplists.ingest.checks import judge
from toplists.ingest.commit import write_events, write_rejected
from toplists.ingest.identity import identify
from toplists.ingest.pieces import PIECE_BYTES
from toplists.ingest.recognition import RecognisedSource
from toplists.ingest.scan import scan
from toplists.ingest.summary import require_enough, summarise
from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import LOADS


@dataclass(frozen=True)
class LoadReport:
    """What became of an input: `rows` = `accepted` + `duplicates` + `corrections` + `rejected`.

    `items` is the number of entries in the input's catalogue. Where the input was `already_loaded`,
    the counts are those of the time it was, and `items` is 0.
    """

    load_id: str
    source: str
    path: str
    rows: int
    accepted: int
    duplicates: int
    corrections: int
    rejected: int
    items: int
    newest_event_time: datetime | None
    already_loaded: bool


def ingest(
    spark: SparkSession,
    dataset: Dataset,
    recognised: RecognisedSource,
    settings: IngestSettings,
    *,
    loaded_at: datetime,
    piece_bytes: int = PIECE_BYTES,
) -> LoadReport:
    """Take a recognised source into `dataset`; `known_load` says whether it is there already.

    It can be killed at any point and run again: every write replaces or recognises what an earlier
    attempt left, and the row in `loads`, which makes the input known, is written last.

    Args:
        spark: The session.
        dataset: Where to; its tables are created if they are missing.
        recognised: What to take in.
        settings: How many refused rows are too many.
        loaded_at: The present moment, with its time zone: later times are refused, and it is noted.
        piece_bytes: Size of the pieces that plain text files are cut into, one per task.

    Raises:
        InputRefusedError: the input is not what it should be; nothing was written.
    """
    reading, load_id = recognised.reading, recognised.load_id
    source = reading.source
    items = read_catalogue(reading.catalogue) if reading.catalogue else []
    scanned = scan(spark, reading.inputs, piece_bytes)
    rows: DataFrame = identify(judge(scanned, reading.rules, loaded_at), source.kind).persist()
    try:
        summary = summarise(rows)
        require_enough(summary, rows, reading, settings.max_rejected_share)
        dataset.create_tables()
        upsert_items(dataset, items, load_id)
        effect = write_events(rows, dataset, load_id, reading, summary)
        write_rejected(rows, dataset, load_id, reading, summary)
    finally:
        rows.unpersist()
    load: Row = {
        "load_id": load_id,
        "source": source.kind,
        "path": source.path,
        "fingerprint": recognised.fingerprint,
        "rows": summary.rows,
        "accepted": effect.inserted,
        "duplicates": summary.rows - summary.rejected - effect.inserted - effect.updated,
        "corrections": effect.updated,
        "rejected": summary.rejected,
        "newest_event_time": summary.newest_event_time,
        "loaded_at": loaded_at,
    }
    append_rows(dataset, LOADS, [load])
    return _report(load, items=len(items), already_loaded=False)


def known_load(dataset: Dataset, load_id: str) -> LoadReport | None:
    """What became of an input that was taken in before; `None` if it was not. Needs no Spark."""
    known = read_rows(dataset, LOADS, load_id=load_id)
    return _report(known[0], items=0, already_loaded=True) if known else None


def _report(load: Row, *, items: int, already_loaded: bool) -> LoadReport:
    counts = ("rows", "accepted", "duplicates", "corrections", "rejected")
    return LoadReport(
        load_id=load["load_id"],
        source=load["source"],
        path=load["path"],
        newest_event_time=load["newest_event_time"],
        items=items,
        already_loaded=already_loaded,
        **{name: load[name] for name in counts},
    )
