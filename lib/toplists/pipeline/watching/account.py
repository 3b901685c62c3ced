"""Giving account of a command: what it did, read back from the tables that it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from toplists.errors import ConflictError
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import RUNS
from toplists.pipeline.failure import exit_code_of, failure_text
from toplists.pipeline.summary import MetricLine, StepSummary
from toplists.pipeline.watching.figures import Figures, read_figures
from toplists.pipeline.watching.report import Live, Report, event_of


def describe_end(
    verb: str,
    dataset: str | None,
    error: BaseException | None,
    *,
    began: datetime,
    ended: datetime,
    run_id: str | None,
    steps: Sequence[StepSummary],
) -> Report:
    """How a command ended, as far as it knows by itself.

    Args:
        verb: The command.
        dataset: Its dataset, if it got as far as to choose one.
        error: What ended it early.
        began: When it began.
        ended: When it ended.
        run_id: The run it worked on, as far as it told.
        steps: The steps that it finished.
    """
    exit_code = 0 if error is None else exit_code_of(error)
    return Report(
        verb=verb,
        event=event_of(exit_code),
        exit_code=exit_code,
        began=began,
        ended=ended,
        dataset=dataset,
        run_id=run_id,
        reason=None if error is None else failure_text(error),
        steps={step.verb: step.seconds for step in steps},
    )


def add_figures(report: Report, dataset: Dataset) -> Report:
    """The report with what the tables of its dataset say.

    What the ledger says since the command began is the command's doing, since it held the lease; if
    it was locked out, it did nothing.
    """
    ledger = [] if report.exit_code == ConflictError.exit_code else read_rows(dataset, RUNS)
    done = [row for row in ledger if row["at"] >= report.began]
    taken_in = [row for row in done if row["step"] == "ingest" and row["state"] == "done"]
    live = read_pointer(dataset).live
    report = replace(
        report,
        run_id=report.run_id or _newest_run(done),
        live=Live(live.run_id, live.as_of, live.published_at) if live else None,
        rows_in=_total(taken_in, "rows_in"),
        rejected=_total(taken_in, "rejected"),
    )
    if report.run_id is None:
        return report
    figures = read_figures(dataset, report.run_id)
    return replace(
        report,
        verdict=_verdict(figures),
        users=figures.users,
        items=figures.items,
        metrics={line.metric: _beside(line, figures.model) for line in figures.metrics},
    )


def _newest_run(rows: Sequence[Row]) -> str | None:
    """The run (not the load) worked on last."""
    runs = [row for row in rows if row["as_of"] is not None]
    return str(max(runs, key=lambda row: row["at"])["run_id"]) if runs else None


def _verdict(figures: Figures) -> Literal["passed", "refused"] | None:
    if figures.passed is None:
        return None
    return "passed" if figures.passed else "refused"


def _total(rows: Sequence[Row], column: str) -> int | None:
    counts = [int(row[column]) for row in rows if row[column] is not None]
    return sum(counts) if counts else None


def _beside(line: MetricLine, model: str) -> Mapping[str, float | None]:
    """A figure by whose it is; one that nobody has is left out."""
    by_subject = {model: line.model, "popularity": line.popularity, "live": line.live}
    return {subject: value for subject, value in by_subject.items() if value is not None}
