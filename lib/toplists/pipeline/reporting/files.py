"""Where reports lie, and which is the newest. Loads little: a command looks here first."""

from __future__ import annotations

from pathlib import Path

from toplists.lake.attempts import JUDGED
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import RUNS

FIGURES = "metrics.json"
"""The file beside a report that has its figures."""


def report_path(dataset: Dataset, run_id: str) -> Path:
    """Where the report of a run lies, if it is written."""
    return dataset.reports / run_id / "report.html"


def newest_judged_run(dataset: Dataset) -> str | None:
    """The run that was evaluated last."""
    rows = [row for row in read_rows(dataset, RUNS, step="evaluate") if row["state"] in JUDGED]
    return max(rows, key=lambda row: row["at"])["run_id"] if rows else None
