"""train: fit every model of the run and store it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import get_args

from toplists.dataset.held_out import holds_learnt
from toplists.dataset.item_vectors import vectors_digest
from toplists.dataset.snapshot import Snapshot, SnapshotBlocks
from toplists.engine.alternation import Start
from toplists.engine.blocks import Part
from toplists.engine.shapes import Factors, Shape, commit_shape
from toplists.engine.tasks import at_once
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import MODELS
from toplists.models.protocol import TrainingData
from toplists.models.registry import can_start_warm, vectors_of
from toplists.models.store import save_shape
from toplists.pipeline.failure import reason_of
from toplists.pipeline.lineage import find_remains
from toplists.pipeline.steps.fits import (
    Fit,
    FitPlan,
    find_fit,
    model_folder,
    plan_fits,
    vector_tables,
)
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.steps.room import require_room_here
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)


def train(place: Workplace, run: Run) -> Outcome:
    """Fit and save every model of the run that is not saved yet.

    Raises:
        ConfigurationError: the personal model cannot be fitted here, or the tables of vectors are not those that
            the run was begun with.
    """
    _require_same_vectors(place, run)
    snapshot = open_snapshot(place, run)
    plan, facts = plan_fits(place, run), snapshot.facts
    warnings = require_room_here(place, facts, plan.candidate.model, plan.candidate.lengths)
    if plan.similar is not None:
        require_room_here(place, facts, plan.similar.model, plan.similar.lengths)
    failed = fit_missing(place, run, snapshot, plan)
    warnings += tuple(f"{name} is not there to compare with: {why}" for name, why in failed.items())
    against = " and the live configuration" if plan.live else ""
    candidate = plan.candidate
    in_train_part, in_all = (
        facts.learnt(part, values=candidate.learns_values) for part in get_args(Part)
    )
    return Outcome(
        detail=(
            f"{candidate.model.name} on {in_train_part:,} and on all {in_all:,} "
            f"{'ratings' if candidate.learns_values else 'likings'}, beside popularity{against}"
            + "".join(f"; mind: {warning}" for warning in warnings)
        ),
        facts={
            "models": [
                fit.model_id(run) for fit in plan if fit not in map(plan.contenders.get, failed)
            ],
            "warnings": warnings,
        },
        rows_in=facts.interactions,
    )


def _require_same_vectors(place: Workplace, run: Run) -> None:
    tables = vector_tables(place.settings)
    if vectors_digest(tables) != run.vectors:
        raise ConfigurationError(
            f"{' or '.join(tables)} has changed since run {run.run_id} was begun. Begin a new run with prepare "
            "or nightly."
        )


def fit_missing(place: Workplace, run: Run, snapshot: Snapshot, plan: FitPlan) -> dict[str, str]:
    """Fit and save what the plan asks for and is not there yet.

    Returns:
        The contenders that could not be fitted, and why; the night does without.
    """
    failed: dict[str, str] = {}
    blocks = snapshot.blocks(place.settings.engine)

    def make(
        fit: Fit,
        start: Callable[[], Start | None] = lambda: None,
        evaluated: Factors | None = None,
    ) -> Shape:
        made = find_fit(place, run, snapshot, fit)
        if made is not None:
            return made
        return _fit_and_save(place, run, snapshot, blocks, fit, start(), evaluated)

    def make_personal() -> None:
        settings = place.settings.model
        evaluated = make(plan.candidate, lambda: _start_of_tonight(place, run, blocks))
        vectors = vectors_of(settings, evaluated)

        def from_evaluated() -> Start | None:
            if vectors is None or not can_start_warm(settings):
                return None
            return Start(blocks.items.blocks, vectors.items)

        make(plan.published, from_evaluated, vectors)

    def make_contenders() -> None:
        for name, fit in plan.contenders.items():
            try:
                require_room_here(place, snapshot.facts, fit.model, fit.lengths)
                make(fit)
            except Exception as error:
                _LOG.exception("%s was not fitted", name)
                failed[name] = reason_of(error)

    judged = (plan.candidate, *plan.contenders.values())
    others = [fit for fit in plan if fit not in (*judged, plan.published)]
    at_once(
        make_personal,
        lambda: [make(fit) for fit in others if fit.part == "train"],
        lambda: [make(fit) for fit in others if fit.part == "all"],
        *([make_contenders] if plan.contenders else []),
    )
    return failed


def _start_of_tonight(place: Workplace, run: Run, blocks: SnapshotBlocks) -> Start | None:
    """Where the evaluation fit begins: at nothing, if the parent learnt what is held out now.

    Raises:
        ConfigurationError: what is left of the parent was there when the run began, and is gone.
    """
    if run.parent is None:
        return None
    parent = place.ledger.find_run(run.parent)
    remains = find_remains(place, parent) if parent is not None else None
    if remains is None:
        raise ConfigurationError(
            f"Run {run.run_id} starts from run {run.parent}, of which not everything is left. Begin "
            "again with --cold."
        )
    return None if holds_learnt(place.spark, blocks, remains.blocks) else remains.start


def _fit_and_save(
    place: Workplace,
    run: Run,
    snapshot: Snapshot,
    blocks: SnapshotBlocks,
    fit: Fit,
    start: Start | None,
    evaluated: Factors | None,
) -> Shape:
    began = place.clock()
    facts, model_id = snapshot.facts, fit.model_id(run)
    # What Spark's pages and logs call the jobs of this thread from here on.
    place.spark.sparkContext.setJobDescription(f"{fit.role}.{fit.part}")
    data = TrainingData(
        spark=place.spark,
        interactions=snapshot.interactions,
        users=blocks.users,
        items=blocks.items,
        part=fit.part,
        size=facts.learnt(fit.part, values=fit.learns_values),
        end=facts.end_of(fit.part),
        segments=snapshot.segmented_users,
        segment_names=tuple(facts.segments),
        seed=fit.seed,
        folder=model_folder(place.dataset, run, fit),
        start=start,
        evaluated=evaluated,
        catalogue=snapshot.catalogue,
    )
    fitted = fit.model.fit(data)
    shape = fitted.shape
    commit_shape(data.folder, shape)
    place.intact.add(data.folder)
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
        "report": json.dumps(dict(fitted.report)),
        "seconds": (ended - began).total_seconds(),
        "fitted_at": ended,
    }
    # It is there already where an evaluation fit's files were gone.
    if not read_rows(place.dataset, MODELS, model_id=model_id):
        append_rows(place.dataset, MODELS, [row])
    return shape
