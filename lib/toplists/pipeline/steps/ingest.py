"""ingest: take what is new of one input into the events."""

from __future__ import annotations

import os
from functools import partial

from toplists.errors import ConfigurationError
from toplists.ingest.batch import Batch, loads_of, next_batch
from toplists.ingest.digests import recall, remember
from toplists.ingest.download import provide
from toplists.ingest.load import LoadReport, ingest, ingest_entries, known_report
from toplists.ingest.recognition import recognise
from toplists.ingest.redrive import Refused, redrive, refused_for
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import read_rows
from toplists.lake.ledger import Outcome
from toplists.lake.tables import LOADS
from toplists.pipeline.identity import identify_load
from toplists.pipeline.recording import record
from toplists.pipeline.workplace import Workplace


def ingest_source(place: Workplace, source: Source) -> tuple[LoadReport, Outcome]:
    """Take in those parts of `source` that were not taken in before.

    Raises:
        InputRefusedError: the input is not what it should be; nothing was written.
    """
    settings = place.settings.ingest
    provide(source, os.environ)
    loads = read_rows(place.dataset, LOADS)
    digests = recall(place.dataset)
    recognised = recognise(source, settings, loads, digests)
    batch = next_batch(recognised, loads, settings)
    # Not before: a mistyped path makes no dataset.
    place.dataset.create_tables()
    remember(place.dataset, digests)
    if batch is None:
        known = known_report(loads_of(recognised, loads, settings))
        return known, Outcome(f"{source} was taken in before: {known.rows:,} rows, nothing added")

    reports: list[LoadReport] = []

    def take_in() -> Outcome:
        reports.append(_take_in(place, batch))
        return _outcome(reports[0])

    entry = identify_load(batch.load_id, place.settings)
    outcome = record(place.ledger, entry, "ingest", take_in)
    return reports[0], outcome


def _take_in(place: Workplace, batch: Batch) -> LoadReport:
    settings, now = place.settings.ingest, place.clock()
    if batch.events:
        return ingest(lambda: place.spark, place.dataset, batch, settings, loaded_at=now)
    return ingest_entries(place.dataset, batch, settings, loaded_at=now)


def _outcome(report: LoadReport) -> Outcome:
    counted = [
        (report.duplicates, "duplicates"),
        (report.corrections, "corrections"),
        (report.rejected, "rejected"),
    ]
    rest = "".join(f", {count:,} {name}" for count, name in counted if count)
    entries = f", {report.entries:,} catalogue entries" if report.entries else ""
    return Outcome(
        detail=f"{report.rows:,} rows: {report.accepted:,} new events{rest}{entries}",
        facts={"load_id": report.load_id, "path": report.path},
        rows_in=report.rows,
        rows_out=report.accepted,
        rejected=report.rejected,
    )


def redrive_refused(place: Workplace, reason: str) -> list[Outcome]:
    """Judge the rows again that were refused for `reason`, load by load, under the present settings.

    Raises:
        ConfigurationError: there is none, or it cannot be told how a load was read.
        InputRefusedError: a column that the settings name is missing.
    """
    refused = refused_for(place.dataset, reason, place.settings.ingest.columns)
    if not refused.samples:
        reasons = ", ".join(sorted(refused.reasons))
        raise ConfigurationError(
            f"No row of dataset {place.dataset.name} is refused for {reason!r}"
            + (f", but some are for {reasons}." if reasons else ", nor for any other reason.")
        )
    outcomes = []
    for load_id in sorted(refused.samples):
        entry = identify_load(load_id, place.settings)
        judge_again = partial(_judge_again, place, load_id, reason, refused)
        outcomes.append(record(place.ledger, entry, "redrive", judge_again))
    return outcomes


def _judge_again(place: Workplace, load_id: str, reason: str, refused: Refused) -> Outcome:
    report = redrive(
        place.spark,
        place.dataset,
        load_id,
        reason,
        refused,
        place.settings.ingest,
        loaded_at=place.clock(),
    )
    return Outcome(
        f"{report.judged:,} refused rows of load {load_id}: {report.accepted:,} are accepted now",
        facts={"load_id": report.new_load_id, "reason": reason},
        rows_in=report.judged,
        rows_out=report.accepted,
        rejected=report.judged - report.accepted,
    )
