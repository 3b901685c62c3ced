"""Writing the report of a comparison of models."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from toplists.evaluation.comparison import to_rows
from toplists.evaluation.report import content
from toplists.evaluation.report.comparison_page import comparison_page
from toplists.evaluation.report.figures import comparison_figures, to_json
from toplists.lake.dataset import Dataset
from toplists.pipeline.comparing import Comparison, Row
from toplists.pipeline.comparison_tables import Sample
from toplists.pipeline.reporting.files import report_path
from toplists.pipeline.reporting.history import as_figure
from toplists.pipeline.reporting.writing import write_page

_MIB = 1 << 20
_SMALLEST_P = 1e-6


def write_comparison(
    dataset: Dataset,
    comparison: Comparison,
    sample: Sample | None,
    *,
    at: datetime,
) -> Path:
    """Write the report of a comparison and its figures; the path of the report.

    Args:
        dataset: The dataset.
        comparison: What it came to.
        sample: Lists of a user to show, if any.
        at: When it was finished.

    Raises:
        OSError: the files cannot be written.
    """
    told = content.Comparison(
        dataset=dataset.name,
        comparison_id=comparison.comparison_id,
        at=at,
        protocol=comparison.protocol,
        deciding=comparison.deciding,
        confidence=comparison.confidence,
        metrics=comparison.metrics,
        models=[_model(comparison, row, sample) for row in comparison.rows],
        findings=findings(comparison),
        sample_user=sample.user_id if sample else None,
    )
    path = report_path(dataset, comparison.comparison_id)
    return write_page(path, comparison_page(told), to_json(comparison_figures(told)))


def findings(comparison: Comparison) -> list[str]:
    """What the paired tests say, a sentence for each model behind the best."""
    sentences = []
    for row in comparison.rows:
        standing = row.standing
        if standing is None or standing.behind is None or standing.p is None:
            continue
        behind = standing.behind
        relation = "is clearly behind" if standing.differs else "does not really differ from"
        sentences.append(
            f"{row.name} {relation} {behind.subject}: {comparison.deciding} lower by {behind.value:.4f} "
            f"({behind.low:.4f} to {behind.high:.4f}; {p_text(standing.p)}, corrected for "
            f"{comparison.measured} models)"
        )
    return sentences


def p_text(p: float) -> str:
    """A p-value in words; how far below the smallest shown it is says nothing, and no chance is nought."""
    return f"p = {p:.2g}" if p >= _SMALLEST_P else f"p < {_SMALLEST_P:g}"


def _model(comparison: Comparison, row: Row, sample: Sample | None) -> content.ComparedModel:
    if row.cost is None:
        return content.ComparedModel(row.name, failure=row.failure)
    peak = row.cost.peak_bytes
    stored = to_rows([*row.figures.values()], comparison.comparison_id, comparison.protocol)
    listed = sample.lists.get(row.name, ()) if sample else ()
    return content.ComparedModel(
        row.name,
        figures={figure.metric: figure for figure in map(as_figure, stored)},
        fit_seconds=row.cost.fit_seconds,
        score_seconds=row.cost.score_seconds,
        peak_mib=None if peak is None else peak / _MIB,
        failure=row.failure,
        sample=[content.ShownItem(item_id, title, None, ()) for item_id, title in listed],
    )
