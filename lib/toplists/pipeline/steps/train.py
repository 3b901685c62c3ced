"""train: fit every model of the run and store it."""

from __future__ import annotations

import json

from pyspark.sql import functions as F

from toplists.dataset.snapshot import Snapshot
from toplists.engine.alternation import Start
from toplists.engine.shapes import Factors, Shape, commit_shape
from toplists.engine.tasks import at_once
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import MODELS
from toplists.models.protocol import TrainingData
from toplists.models.registry import can_start_warm
from toplists.models.store import save_shape
from toplists.pipeline.lineage import start_from
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

    def make(fit: Fit, start: Start | None = None) -> Shape:
        made = find_fit(place, run, snapshot, fit)
        return made if made is not None else _fit_and_save(place, run, snapshot, fit, start)

    def make_personal() -> None:
        evaluated = make(plan.candidate, _start_of_tonight(place, run, snapshot))
        warm = can_start_warm(place.settings.model) and isinstance(evaluated, Factors)
        items = snapshot.blocks(place.settings.engine.block_entries).items
        make(plan.published, Start(items.blocks, evaluated.items) if warm else None)

    at_once(
        make_personal,
        lambda: [make(fit) for fit in (plan.popularity, plan.live) if fit is not None],
        lambda: [make(fit) for fit in (plan.similar, *plan.fallback)],
    )


def _start_of_tonight(place: Workplace, run: Run, snapshot: Snapshot) -> Start | None:
    """Where the evaluation fit begins.

    Raises:
        ConfigurationError: the parent's files were there when the run began, and are gone.
    """
    parent = place.ledger.find_run(run.parent) if run.parent else None
    if parent is None:
        return None
    facts = place.ledger.facts(parent.run_id, "prepare")
    if facts is None or facts["protocol"] != snapshot.facts.protocol:
        return None  # what is held out now may have been learnt from then
    start = start_from(place, parent)
    if start is None:
        raise ConfigurationError(
            f"Run {run.run_id} starts from run {parent.run_id}, whose files are gone. Begin again with "
            "--cold."
        )
    return start


def _fit_and_save(
    place: Workplace, run: Run, snapshot: Snapshot, fit: Fit, start: Start | None
) -> Shape:
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
        end=facts.end_of(fit.part),
        segments=snapshot.users.where(F.col("segment").isNotNull()).select("user_pos", "segment"),
        segment_names=tuple(facts.segments),
        seed=fit.seed,
        folder=model_folder(place.dataset, run, fit),
        start=start,
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
    return shape
