"""How a night's model did beside the others that it was judged with, and which did best."""

from __future__ import annotations

from collections.abc import Mapping

from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import METRICS
from toplists.pipeline.summary import TextTable


def contest_of(dataset: Dataset, run_id: str, candidate: str, deciding: str) -> TextTable | None:
    """A row per model that was judged, from the best to the worst; `None` where nobody could be judged.

    Args:
        dataset: Of the run.
        run_id: The run.
        candidate: The model whose lists these are.
        deciding: The metric that puts models in order; a larger figure is better.
    """
    rows = [
        row
        for row in read_rows(dataset, METRICS, run_id=run_id)
        if row["metric"] == deciding and not row["slice"]
    ]
    figures = {row["subject"]: row["value"] for row in rows if not row["versus"]}
    figures = {subject: value for subject, value in figures.items() if value is not None}
    if candidate not in figures:
        return None
    ahead = {row["versus"]: row for row in rows if row["subject"] == candidate and row["versus"]}
    order = sorted(figures, key=lambda subject: (-figures[subject], subject))
    return TextTable(
        title=f"Judged on the same users, by {deciding}",
        columns=("model", f"beside {candidate}", deciding),
        rows=[
            [subject, _beside(subject, candidate, ahead), f"{figures[subject]:.4f}"]
            for subject in order
        ],
        left=2,
    )


def _beside(subject: str, candidate: str, ahead: Mapping[str, Row]) -> str:
    """Whether a model did better or worse than the candidate, and by how much."""
    if subject == candidate:
        return "made these lists"
    row = ahead.get(subject)
    if row is None or row["value"] is None:
        return "not compared"
    low, high = row["low"], row["high"]
    verdict = "no clear difference"
    if high is not None and high < 0:
        verdict = "better"
    elif low is not None and low > 0:
        verdict = "worse"
    gain = 0.0 - row["value"]  # which is never -0
    return f"{verdict} ({gain:+.4f})"
