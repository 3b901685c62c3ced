"""train: the two fits of a night.

The evaluation fits learn from the training part only: the candidate, popularity, and the live run's
configuration where it differs. The publication fits learn from everything before `as_of`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from toplists.config.settings import ModelSettings
from toplists.dataset.snapshot import Snapshot
from toplists.engine.blocks import Part
from toplists.engine.tasks import at_once
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import MODELS
from toplists.models.protocol import Model, TrainingData
from toplists.models.registry import make_model
from toplists.models.store import Axes, save_shape
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)

SIMILAR = "item_cosine"
"""The model behind the lists of similar items."""


@dataclass(frozen=True)
class Fit:
    """One fit of a run: a model with its parameters and seed, on one part of the snapshot."""

    role: str
    model: Model
    seed: int
    part: Part

    def model_id(self, run: Run) -> str:
        """The fit's id in the registry."""
        return f"{run.run_id}.{self.role}.{self.part}"

    def same_as(self, other: Fit) -> bool:
        """Whether both would learn the same from the same data."""
        return (self.model.name, self.model.parameters, self.seed) == (
            other.model.name,
            other.model.parameters,
            other.seed,
        )


@dataclass(frozen=True)
class FitPlan:
    """The fits of a run. `live` is there only if the live run is configured differently."""

    candidate: Fit
    popularity: Fit
    live: Fit | None
    published: Fit
    similar: Fit
    fallback: Fit

    def __iter__(self) -> Iterator[Fit]:
        """Every fit, once."""
        yield from (self.candidate, self.popularity)
        if self.live is not None:
            yield self.live
        yield from (self.published, self.similar, self.fallback)


def plan_fits(place: Workplace, run: Run) -> FitPlan:
    """What has to be fitted for the run."""
    settings = ModelSettings(**json.loads(run.configuration)["model"])
    candidate = _fit(place, settings.name, settings, "train")
    contender = _live_fit(place)
    if contender is not None and contender.same_as(candidate):
        contender = None
    return FitPlan(
        candidate=candidate,
        popularity=_fit(place, POPULARITY, settings, "train", role="fallback"),
        live=contender,
        published=_fit(place, settings.name, settings, "all"),
        similar=_fit(place, SIMILAR, settings, "all", role="similar"),
        fallback=_fit(place, POPULARITY, settings, "all", role="fallback"),
    )


def _fit(
    place: Workplace, name: str, settings: ModelSettings, part: Part, role: str = "personal"
) -> Fit:
    return Fit(role, make_model(name, settings, place.settings.engine), settings.seed, part)


def _live_fit(place: Workplace) -> Fit | None:
    """The live run's configuration; its role names it, since another may be live in a minute."""
    live = read_pointer(place.dataset).live
    run = place.ledger.find_run(live.run_id) if live else None
    if run is None:
        return None
    try:
        settings = ModelSettings(**json.loads(run.configuration)["model"])
    except ValidationError:
        _LOG.warning("the live run %s has settings that this release does not know", run.run_id)
        return None
    return _fit(place, settings.name, settings, "train", role=f"{LIVE}-{run.configuration_hash}")


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
    """Fit and save what the plan asks for and is not saved yet."""
    missing = [fit for fit in plan if find_model(place, fit.model_id(run)) is None]
    if not missing:
        return
    axes = snapshot_axes(place, snapshot)

    def fit_part(part: Part) -> None:
        for fit in missing:
            if fit.part == part:
                _fit_and_save(place, run, snapshot, axes, fit)

    at_once(lambda: fit_part("train"), lambda: fit_part("all"))


def _fit_and_save(place: Workplace, run: Run, snapshot: Snapshot, axes: Axes, fit: Fit) -> None:
    began = place.clock()
    blocks, facts = snapshot.blocks(place.settings.engine.block_entries), snapshot.facts
    data = TrainingData(
        spark=place.spark,
        interactions=snapshot.interactions,
        users=blocks.users,
        items=blocks.items,
        part=fit.part,
        size=facts.trained if fit.part == "all" else facts.trained_in_train_part,
        seed=fit.seed,
    )
    shape = fit.model.fit(data)
    save_shape(shape, place.dataset, fit.model_id(run), axes)
    ended = place.clock()
    row: Row = {
        "model_id": fit.model_id(run),
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
    append_rows(place.dataset, MODELS, [row])


def snapshot_axes(place: Workplace, snapshot: Snapshot) -> Axes:
    """Who stands where in the snapshot."""
    blocks = snapshot.blocks(place.settings.engine.block_entries)
    return Axes(snapshot.users, snapshot.items, blocks.items)


def find_model(place: Workplace, model_id: str) -> Row | None:
    """The registry's row of a fit, or `None` if it was not saved."""
    rows = read_rows(place.dataset, MODELS, model_id=model_id)
    return rows[0] if rows else None


def require_model(place: Workplace, model_id: str) -> Row:
    """The registry's row of a fit.

    Raises:
        ConfigurationError: it was not fitted.
    """
    row = find_model(place, model_id)
    if row is None:
        raise ConfigurationError(f"Model {model_id} is not fitted yet. Run train first.")
    return row
