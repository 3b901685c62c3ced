"""The closing table of a night, read back from what it left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from toplists.ingest.load import LoadReport
from toplists.lake.ledger import Run
from toplists.lake.pointer import read_pointer
from toplists.pipeline.summary import RunSummary, StepSummary
from toplists.pipeline.watching.figures import read_figures
from toplists.pipeline.workplace import Workplace


def summarise(
    place: Workplace, run: Run, report: LoadReport, steps: Sequence[StepSummary]
) -> RunSummary:
    """What the run came to."""
    figures = read_figures(place.dataset, run.run_id)
    live = read_pointer(place.dataset).live
    name = place.dataset.name
    return RunSummary(
        dataset=name,
        run_id=run.run_id,
        as_of=run.as_of or date.min,
        rows_in=report.rows,
        rejected=report.rejected,
        users=figures.users or 0,
        items=figures.items or 0,
        model=figures.model,
        metrics=figures.metrics,
        steps=steps,
        live=(
            f"Live now: run {live.run_id}, for all lists at once."
            if live
            else "Nothing is live yet."
        ),
        hints=(
            f"./toplists status --dataset {name}",
            f"./toplists report --dataset {name}",
            f"./toplists show user ID --dataset {name}",
            f"./spark-submit.sh rollback --dataset {name}",
        ),
    )
