"""ingest: take one input into the events."""

from __future__ import annotations

from toplists.ingest.load import LoadReport, ingest, known_load
from toplists.ingest.recognition import recognise
from toplists.ingest.source import Source
from toplists.lake.ledger import Outcome
from toplists.pipeline.identity import identify_load
from toplists.pipeline.recording import record
from toplists.pipeline.workplace import Workplace


def ingest_source(place: Workplace, source: Source) -> tuple[LoadReport, Outcome]:
    """Take `source` in, unless it was taken in before.

    Raises:
        InputRefusedError: the input is not what it should be; nothing was written.
    """
    recognised = recognise(source, place.settings.ingest)
    # Not before: a mistyped path makes no dataset.
    place.dataset.create_tables()
    load_id = recognised.load_id
    known = known_load(place.dataset, load_id)
    if known is not None:
        return known, Outcome(f"{source} was taken in before: {known.rows:,} rows, nothing added")

    reports: list[LoadReport] = []

    def take_in() -> Outcome:
        report = ingest(
            place.spark, place.dataset, recognised, place.settings.ingest, loaded_at=place.clock()
        )
        reports.append(report)
        return _outcome(report)

    outcome = record(place.ledger, identify_load(load_id, place.settings), "ingest", take_in)
    return reports[0], outcome


def _outcome(report: LoadReport) -> Outcome:
    counted = [
        (report.duplicates, "duplicates"),
        (report.corrections, "corrections"),
        (report.rejected, "rejected"),
    ]
    rest = "".join(f", {count:,} {name}" for count, name in counted if count)
    return Outcome(
        detail=f"{report.rows:,} rows: {report.accepted:,} new events{rest}",
        facts={"load_id": report.load_id, "path": report.path},
        rows_in=report.rows,
        rows_out=report.accepted,
        rejected=report.rejected,
    )
