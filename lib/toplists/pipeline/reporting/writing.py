"""Writing reports."""

from __future__ import annotations

from pathlib import Path

from toplists.evaluation.report.figures import run_figures, to_json
from toplists.evaluation.report.page import render
from toplists.evaluation.report.parts import Page
from toplists.evaluation.report.run_page import run_page
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.pipeline.reporting.files import FIGURES, report_path
from toplists.pipeline.reporting.gather import gather_run


def write_report(dataset: Dataset, run_id: str) -> Path:
    """Write the report of a run and its figures anew; the path of the report.

    Raises:
        ConfigurationError: there is no such run.
        OSError: the files cannot be written.
    """
    content = gather_run(dataset, run_id)
    return write_page(
        report_path(dataset, run_id), run_page(content), to_json(run_figures(content))
    )


def write_page(path: Path, page: Page, figures: str) -> Path:
    """Write a page, and its figures beside it; its path.

    Raises:
        OSError: the files cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The report last: where it is, the figures are.
    write_atomically(path.with_name(FIGURES), figures)
    write_atomically(path, render(page))
    return path
