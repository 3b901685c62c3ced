"""The files of a report, and which report is the newest."""

from __future__ import annotations

from pathlib import Path

from toplists.evaluation.report.figures import run_figures, to_json
from toplists.evaluation.report.page import render
from toplists.evaluation.report.run_page import run_page
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.lake.tables import RUNS
from toplists.pipeline.reporting.gather import gather_run
from toplists.pipeline.reporting.history import JUDGED

REPORT = "report.html"
FIGURES = "metrics.json"


def find_report(dataset: Dataset, run_id: str) -> Path | None:
    """The report of a run; `None` where it is not written."""
    path = _path(dataset, run_id)
    return path if path.is_file() else None


def write_report(dataset: Dataset, run_id: str) -> Path:
    """Write the report of a run and its figures anew; the path of the report.

    Raises:
        ConfigurationError: there is no such run.
        OSError: the files cannot be written.
    """
    content = gather_run(dataset, run_id)
    path = _path(dataset, run_id)
    page, figures = render(run_page(content)), to_json(run_figures(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    # The report last: where it is, the figures are.
    write_atomically(path.with_name(FIGURES), figures)
    write_atomically(path, page)
    return path


def newest_judged_run(dataset: Dataset) -> str | None:
    """The run that was evaluated last."""
    rows = [row for row in read_rows(dataset, RUNS, step="evaluate") if row["state"] in JUDGED]
    return max(rows, key=lambda row: row["at"])["run_id"] if rows else None


def _path(dataset: Dataset, run_id: str) -> Path:
    return dataset.reports / run_id / REPORT
