"""The last outcome of every verb on a dataset, kept beside its tables.

A monitoring system asks for the present state at any time: a night that failed must not make the last
success forgotten, nor a rollback the night. So each verb's last report is kept, in a file of its own
that only that verb replaces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.pipeline.watching.report import Report

_FOLDER = "outcomes"


@dataclass(frozen=True)
class Outcome:
    """How a verb ended last, and when it last succeeded."""

    verb: str
    exit_code: int
    ended: datetime
    last_success: datetime | None
    rows_in: int | None
    rejected: int | None
    steps: Mapping[str, float]


def keep_outcome(dataset: Dataset, report: Report) -> None:
    """Make `report` the last outcome of its verb."""
    before = {outcome.verb: outcome for outcome in read_outcomes(dataset)}.get(report.verb)
    succeeded = report.ended if report.exit_code == 0 else before and before.last_success
    content = {
        "verb": report.verb,
        "exit_code": report.exit_code,
        "ended": report.ended.isoformat(),
        "last_success": succeeded.isoformat() if succeeded else None,
        "rows_in": report.rows_in,
        "rejected": report.rejected,
        "steps": dict(report.steps),
    }
    folder = dataset.root / _FOLDER
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{report.verb}.json", json.dumps(content, indent=2) + "\n")


def read_outcomes(dataset: Dataset) -> list[Outcome]:
    """The last outcome of every verb that ever ended on the dataset, by verb."""
    files = sorted((dataset.root / _FOLDER).glob("*.json"))
    return [_outcome(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def _outcome(content: dict[str, object]) -> Outcome:
    succeeded = content["last_success"]
    return Outcome(
        **{  # type: ignore[arg-type]  # plain JSON that this module wrote
            **content,
            "ended": datetime.fromisoformat(str(content["ended"])),
            "last_success": datetime.fromisoformat(str(succeeded)) if succeeded else None,
        }
    )
