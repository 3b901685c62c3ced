"""The last outcome of every verb on a dataset, kept beside its tables.

A monitoring system asks for the present state at any time: a night that failed must not make the last
success forgotten, nor a rollback the night. So each verb's last report is kept, in a file of its own
that only that verb replaces. What a verb knew of a run stays there until it knows more: an `ingest`, or
a night that ended before it had a run, does not take back a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.pipeline.watching.report import Report


@dataclass(frozen=True)
class Size:
    """How large the run is that a verb last saw prepared, and when it saw that."""

    at: datetime
    users: int | None
    items: int | None


@dataclass(frozen=True)
class Judgement:
    """What the gate made of the run that a verb last saw judged, and when it saw that.

    `metrics` are those of `Report`.
    """

    at: datetime
    verdict: Literal["passed", "refused"]
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Outcome:
    """How a verb ended last, when it last succeeded, and what it last knew of a run."""

    verb: str
    exit_code: int
    ended: datetime
    last_success: datetime | None
    rows_in: int | None
    rejected: int | None
    steps: Mapping[str, float]
    size: Size | None = None  # files of earlier releases lack these two
    judgement: Judgement | None = None


_OUTCOME = TypeAdapter(Outcome)


def keep_outcome(dataset: Dataset, report: Report) -> None:
    """Make `report` the last outcome of its verb."""
    before = {outcome.verb: outcome for outcome in read_outcomes(dataset)}.get(report.verb)
    outcome = Outcome(
        verb=report.verb,
        exit_code=report.exit_code,
        ended=report.ended,
        last_success=_last_success(report, before),
        rows_in=report.rows_in,
        rejected=report.rejected,
        steps=report.steps,
        size=_size(report, before),
        judgement=_judgement(report, before),
    )
    dataset.outcomes.mkdir(exist_ok=True)
    content = json.dumps(asdict(outcome), indent=2, default=datetime.isoformat)
    write_atomically(dataset.outcomes / f"{report.verb}.json", content + "\n")


def read_outcomes(dataset: Dataset) -> list[Outcome]:
    """The last outcome of every verb that ever ended on the dataset, by verb."""
    files = sorted(dataset.outcomes.glob("*.json"))
    return [_OUTCOME.validate_json(file.read_bytes()) for file in files]


def _last_success(report: Report, before: Outcome | None) -> datetime | None:
    if report.exit_code == 0:
        return report.ended
    return before.last_success if before else None


def _size(report: Report, before: Outcome | None) -> Size | None:
    if report.users is None and report.items is None:
        return before.size if before else None
    return Size(report.ended, report.users, report.items)


def _judgement(report: Report, before: Outcome | None) -> Judgement | None:
    if report.verdict is None:
        return before.judgement if before else None
    return Judgement(report.ended, report.verdict, report.metrics)
