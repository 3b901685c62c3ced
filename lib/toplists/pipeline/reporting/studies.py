"""Writing the report of a search for settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from toplists.evaluation.report import content
from toplists.evaluation.report.figures import study_figures, to_json
from toplists.evaluation.report.study_page import study_page
from toplists.lake.dataset import Dataset
from toplists.pipeline.reporting.files import report_path
from toplists.pipeline.reporting.history import as_figure, read_metrics
from toplists.pipeline.reporting.writing import write_page
from toplists.pipeline.tuning import Study
from toplists.pipeline.tuning_tables import findings, gain_in_words, out_of

_SHOWN = 20

Figures = Mapping[str, Mapping[str, content.Figure]]


def write_study(dataset: Dataset, study: Study, *, at: datetime, confidence: float) -> Path:
    """Write the report of a study and its figures; the path of the report.

    Args:
        dataset: The dataset, in whose tables the figures are.
        study: What it came to.
        at: When it was finished.
        confidence: Probability that an interval is meant to cover.

    Raises:
        OSError: the files cannot be written.
    """
    figures = _figures(dataset, study.study_id)

    def comparison(
        protocol: str, metrics: Sequence[str], models: Sequence[content.ComparedModel]
    ) -> content.Comparison:
        return content.Comparison(
            dataset=dataset.name,
            comparison_id=study.study_id,
            at=at,
            protocol=protocol,
            deciding=study.search.deciding,
            confidence=confidence,
            metrics=metrics,
            models=models,
        )

    tested = [content.ComparedModel(name, figures[name]) for name in study.test]
    told = content.Study(
        model=study.search.model,
        tried=len(study.tried),
        trials=comparison(
            f"{study.protocol}, validation", study.search.metrics, _trials(study, figures)
        ),
        test=comparison(
            study.protocol,
            [*dict.fromkeys(metric for one in tested for metric in one.figures)],
            tested,
        ),
        verdict=_verdict(study),
        gained=study.gain is not None and study.gain.low > 0,
        findings=[*findings(study)],
        best={key: str(value) for key, value in study.best.given.items()} if study.best else {},
        out=out_of(study),
    )
    path = report_path(dataset, study.study_id)
    return write_page(path, study_page(told), to_json(study_figures(told)))


def _figures(dataset: Dataset, study_id: str) -> dict[str, dict[str, content.Figure]]:
    """Everybody's figures by subject and metric."""
    found: defaultdict[str, dict[str, content.Figure]] = defaultdict(dict)
    for row in read_metrics(dataset, run_id=study_id):
        if not (row["versus"] or row.get("slice")):
            found[row["subject"]][row["metric"]] = as_figure(row)
    return found


def _trials(study: Study, figures: Figures) -> list[content.ComparedModel]:
    """The best trials of the last round: those of others are of shorter fits."""
    last = study.search.rungs[-1].iterations if study.search.rungs else None
    judged = [one for one in study.tried if one.out is None and one.iterations == last]
    return [
        content.ComparedModel(
            one.name,
            figures[one.subject],
            one.spent["fit_seconds"] if one.spent else None,
            one.spent["score_seconds"] if one.spent else None,
        )
        for one in judged[:_SHOWN]
    ]


def _verdict(study: Study) -> str:
    if study.best is None:
        return "No trial keeps all constraints"
    if study.gain is None:
        return "The present settings are the best"
    return f"{study.search.deciding}: {gain_in_words(study.gain)}"
