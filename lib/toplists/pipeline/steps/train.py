"""train: fit every model of the run and store it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from toplists.dataset.snapshot import Snapshot
from toplists.engine.shapes import commit_shape
from toplists.engine.tasks import at_once
from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import MODELS
from toplists.models.protocol import TrainingData
from toplists.models.store import save_shape
from toplists.pipeline.steps.fits import Fit, FitPlan, find_fit, model_folder, plan_fits
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.workplace import Workplace


def train(place: Workplace, run: Run) -> Outcome:
    """Fit and save every model of the run that is not saved yet."""
    snapshot = open_snapshot(place, run)
    plan = plan_fits(place, run)
    fit_missing(place, run, snapshot, plan)
    against = " and the live configuration" if plan.live else ""
    return Outcome(
        detail=(
            f"{plan.candidate.model.name} on {snapshot.facts.trained_in_train_part:,} and on all "
            f"{snapshot.facts.trained:,} likings, beside popularity{against}"
        ),
        facts={"models": [fit.model_id(run) for fit in plan]},
        rows_in=snapshot.facts.interactions,
    )


def fit_missing(place: Workplace, run: Run, snapshot: Snapshot, plan: FitPlan) -> None:
    """Fit and save what the plan asks for and is not there yet."""

    def fit_in_turn(fits: Iterable[Fit]) -> None:
        for fit in fits:
            if find_fit(place, run, snapshot, fit) is None:
                _fit_and_save(place, run, snapshot, fit)

    evaluated = [fit for fit in plan if fit.part == "train"]
    at_once(
        lambda: fit_in_turn(evaluated),
        lambda: fit_in_turn([plan.published]),
        lambda: fit_in_turn([plan.similar, plan.fallback]),
    )


def _fit_and_save(place: Workplace, run: Run, snapshot: Snapshot, fit: Fit) -> None:
    began = place.clock()
    blocks, facts = snapshot.blocks(place.settings.engine.block_entries), snapshot.facts
    model_id = fit.model_id(run)
    data = TrainingData(
        spark=place.spark,
        interactions=snapshot.interactions,
        users=blocks.users,
        items=blocks.items,
        part=fit.part,
        size=facts.trained if fit.part == "all" else facts.trained_in_train_part,
        seed=fit.seed,
        folder=model_folder(snapshot, model_id),
    )
    shape = fit.model.fit(data)
    commit_shape(data.folder, shape)
    if fit.part == "all":
        save_shape(place.spark, shape, place.dataset, model_id, blocks.users, blocks.items)
    ended = place.clock()
    row: Row = {
        "model_id": model_id,
        "run_id": run.run_id,
        "model": fit.model.name,
        "part": fit.part,
        "shape": shape.kind,
        "parameters": json.dumps(dict(fit.model.parameters), sort_keys=True),
        "seed": fit.seed,
        "interactions": data.size,
        "seconds": (ended - began).total_seconds(),
        "fitted_at": ended,
    }
    # It is there already where an evaluation fit's files were gone.
    if not read_rows(place.dataset, MODELS, model_id=model_id):
        append_rows(place.dataset, MODELS, [row])
