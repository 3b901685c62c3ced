"""The figures of a run, read back from the ledger and the metrics it left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from toplists.engine.kernels.metric_kind import asked
from toplists.engine.kernels.metrics import ALL_KINDS
from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.lake.attempts import JUDGED
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import METRICS, RUNS
from toplists.pipeline.summary import MetricLine


@dataclass(frozen=True)
class Figures:
    """What a run came to.

    Attributes:
        users: Users with a list; `None` before `prepare`.
        items: Items that can be recommended; `None` before `prepare`.
        model: Name of the model that was measured.
        metrics: Its figures on the holdout beside those of popularity and of the live run.
        passed: The gate's verdict; `None` before `evaluate`.
    """

    users: int | None
    items: int | None
    model: str
    metrics: Sequence[MetricLine]
    passed: bool | None


def read_figures(dataset: Dataset, run_id: str) -> Figures:
    """The figures of a run, as far as it got."""
    rows = read_rows(dataset, RUNS, run_id=run_id)
    prepared = _facts(rows, "prepare", ("done",))
    evaluated = _facts(rows, "evaluate", JUDGED)
    model = str(evaluated.get("candidate", "model"))
    verdict = evaluated.get("verdict")
    return Figures(
        users=prepared.get("eligible"),
        items=prepared.get("trained_items"),
        model=model,
        metrics=_metrics(dataset, run_id, model),
        passed=None if verdict is None else bool(verdict["passed"]),
    )


def _facts(rows: Sequence[Row], step: str, states: Sequence[str]) -> Row:
    """The facts of the step's last attempt that ended in one of `states`; empty without one."""
    ended = [row for row in rows if row["step"] == step and row["state"] in states and row["facts"]]
    if not ended:
        return {}
    return dict(json.loads(max(ended, key=lambda row: int(row["attempt"]))["facts"]))


def _metrics(dataset: Dataset, run_id: str, model: str) -> list[MetricLine]:
    rows = read_rows(dataset, METRICS, run_id=run_id)
    values = {
        (row["subject"], row["metric"]): row["value"]
        for row in rows
        if not row["versus"] and not row["slice"]
    }
    return [
        MetricLine(
            metric,
            values.get((model, metric)),
            values.get((POPULARITY, metric)),
            values.get((LIVE, metric)),
        )
        for metric in sorted((name for subject, name in values if subject == model), key=_place)
    ]


def _place(metric: str) -> tuple[int, int, str]:
    """Where a metric stands among others: by its cutoff, then its kind."""
    question = asked(metric)
    return question.cutoff, list(ALL_KINDS).index(question.kind), metric
