"""Opening a run's fitted models for a scoring pass."""

from __future__ import annotations

from toplists.dataset.snapshot import Snapshot
from toplists.engine.exchange import StagedShape, stage
from toplists.lake.ledger import Run
from toplists.models.store import load_shape
from toplists.pipeline.steps.train import Fit, require_model, snapshot_axes
from toplists.pipeline.workplace import Workplace


def stage_fit(place: Workplace, run: Run, snapshot: Snapshot, fit: Fit) -> StagedShape:
    """The content of a fit as files that tasks open; written on first use.

    Raises:
        ConfigurationError: it was not fitted.
    """
    model_id = fit.model_id(run)
    kind = require_model(place, model_id)["shape"]
    shape = load_shape(place.spark, place.dataset, kind, model_id, snapshot_axes(place, snapshot))
    users = snapshot.blocks(place.settings.engine.block_entries).users
    return stage(shape, users, snapshot.folder / "models" / model_id)
