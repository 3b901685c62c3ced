"""The closing table of a night, read back from the ledger and the metrics it left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from toplists.engine.kernels.metrics import METRICS
from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.ingest.load import LoadReport
from toplists.lake.bookkeeping import read_rows
from toplists.lake.ledger import Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import METRICS as METRICS_TABLE
from toplists.pipeline.summary import MetricLine, RunSummary, StepSummary
from toplists.pipeline.workplace import Workplace


def summarise(
    place: Workplace, run: Run, report: LoadReport, steps: Sequence[StepSummary]
) -> RunSummary:
    """What the run came to."""
    facts = place.ledger.facts(run.run_id, "prepare") or {}
    evaluation = place.ledger.facts(run.run_id, "evaluate") or {}
    model = str(evaluation.get("candidate", "model"))
    live = read_pointer(place.dataset).live
    name = place.dataset.name
    return RunSummary(
        dataset=name,
        run_id=run.run_id,
        as_of=run.as_of or date.min,
        rows_in=report.rows,
        rejected=report.rejected,
        users=int(facts.get("eligible", 0)),
        items=int(facts.get("trained_items", 0)),
        model=model,
        metrics=_metrics(place, run, model),
        steps=steps,
        live=(
            f"Live now: run {live.run_id}, for all lists at once."
            if live
            else "Nothing is live yet."
        ),
        hints=(
            f"./toplists status --dataset {name}",
            f"./toplists show user ID --dataset {name}",
            f"./spark-submit.sh rollback --dataset {name}",
        ),
    )


def _metrics(place: Workplace, run: Run, model: str) -> list[MetricLine]:
    rows = read_rows(place.dataset, METRICS_TABLE, run_id=run.run_id)
    values = {(row["subject"], row["metric"]): row["value"] for row in rows if not row["versus"]}
    return [
        MetricLine(
            metric,
            values.get((model, metric)),
            values.get((POPULARITY, metric)),
            values.get((LIVE, metric)),
        )
        for metric in METRICS
        if (model, metric) in values
    ]
