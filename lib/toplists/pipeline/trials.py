"""Trials: a model fitted to the training part of a fold, and judged on the rest of it.

Whoever compares models or looks for settings makes trials; all on a fold share its rows, blocks,
candidates and fallback. A trial that is done is not repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toplists.dataset.folds import FoldData
from toplists.dataset.leakage import check_popularity, check_size
from toplists.dataset.snapshot import SnapshotBlocks
from toplists.engine.alternation import Start
from toplists.engine.kernels.metric_kind import depth_of
from toplists.engine.shapes import Factors, Ranking, Shape, commit_shape
from toplists.engine.storage import commit_manifest, empty_folder, read_manifest
from toplists.evaluation.aggregation import Judged, Subject, Totals
from toplists.evaluation.judging import Judging
from toplists.evaluation.slices import Slices
from toplists.evaluation.traits import Traits, survey_traits
from toplists.lake.dataset import partition_files
from toplists.lake.tables import USER_METRICS
from toplists.models.fold_training import check_training, training_data
from toplists.models.popularity import Popularity
from toplists.pipeline.entrants import Entrant
from toplists.pipeline.judgement import (
    Contender,
    add_up,
    measuring_of,
    plan_slices,
    write_outcomes,
)
from toplists.pipeline.memory import watched
from toplists.pipeline.steps.fits import open_intact_shape
from toplists.pipeline.steps.room import require_room_here
from toplists.pipeline.workplace import Workplace
from toplists.ranking.fallback import Fallback


@dataclass(frozen=True)
class Stage:
    """A fold with what all trials on it share, and the folder that they lie in."""

    folder: Path
    data: FoldData
    blocks: SnapshotBlocks
    traits: Traits
    slices: Slices
    fallback: Fallback

    @property
    def label(self) -> str:
        """What tells it from the other folds of its protocol."""
        return self.data.fold.label


@dataclass(frozen=True)
class Cost:
    """What a trial took: seconds, and the peak memory of this machine's processes while it was fitted.

    `peak_bytes` is `None` where that cannot be seen. `report` is what the fit says of itself.
    """

    fit_seconds: float
    score_seconds: float
    peak_bytes: int | None
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """A trial that is done: what was judged, and what it took."""

    judged: Judged
    cost: Cost


def set_stage(place: Workplace, data: FoldData, *, side_by_side: bool = False) -> Stage:
    """What trials on a fold share, popularity among it; made where it is not there.

    Fits that go on `side_by_side` are kept apart from others: they do not tell what one takes alone.

    Raises:
        LeakageError: what is learnt from, or popularity, knows of what is held out.
    """
    blocks = data.blocks(place.settings.engine)
    traits = survey_traits(place.spark, blocks.users, blocks.items, data.snapshot.catalogue)
    popularity = Entrant("popularity", Popularity(), place.settings.model.seed)
    folder = data.folder / ("trials-side-by-side" if side_by_side else "trials")
    shared = training_data(data, blocks, values=False, seed=popularity.seed, folder=folder)
    # All trials learn from these rows and blocks: once is enough.
    check_training(data, blocks, shared, values=False)
    ranking, _ = _fit(place, data, blocks, popularity, _folder(folder, popularity))
    if not isinstance(ranking, Ranking):
        raise TypeError(f"popularity is fitted into {ranking.kind}")
    check_popularity(data, blocks, ranking)
    return Stage(
        folder,
        data,
        blocks,
        traits,
        plan_slices(place, data.snapshot, traits, data.fold.end),
        Fallback((("popularity", ranking),), data.snapshot.segments),
    )


def try_out(
    place: Workplace,
    stage: Stage,
    entrant: Entrant,
    metrics: tuple[str, ...],
    *,
    run_id: str,
) -> Trial:
    """Fit and judge an entrant on a fold, as far as that is not done.

    Args:
        place: The workplace.
        stage: The fold.
        entrant: The model.
        metrics: What is measured; errors of predictions only of who predicts values. Lists are as long as
            the deepest of them asks for.
        run_id: Under which its rows go into `user_metrics`.

    Raises:
        LeakageError: the model would learn of what it is judged on.
        ToplistsError: it cannot be fitted.
    """
    folder = _folder(stage.folder, entrant)
    shape, fit = _fit(place, stage.data, stage.blocks, entrant, folder)
    contender = Contender(shape, entrant.learns_values)
    measuring = measuring_of(contender, metrics, stage.traits, stage.blocks.users)
    part = {"run_id": run_id, "subject": entrant.name, "fold": stage.label}
    mark = folder / f"judged-{_digest(run_id, *measuring.metrics, str(depth_of(metrics)))}.json"
    known = read_manifest(mark)
    if known is None or not partition_files(place.dataset, USER_METRICS, **part):
        began = place.clock()
        judging = Judging(
            stage.blocks.users,
            stage.fallback,
            depth_of(metrics),
            place.settings.engine.tile_bytes,
            with_unknown=True,
            negatives=stage.data.negatives,
        )
        write_outcomes(place, contender, judging, measuring, part)
        known = {"seconds": (place.clock() - began).total_seconds()}
        commit_manifest(mark, known)
    files = partition_files(place.dataset, USER_METRICS, **part)
    return Trial(
        Judged(files, measuring, stage.slices),
        Cost(fit["seconds"], known["seconds"], fit["peak_bytes"], fit["report"]),
    )


def fit_entrant(place: Workplace, stage: Stage, entrant: Entrant) -> None:
    """Fit an entrant on a fold, as far as that is not done; several threads may at once.

    Raises:
        LeakageError: the model would learn of what it is judged on.
        ToplistsError: it cannot be fitted.
    """
    _fit(place, stage.data, stage.blocks, entrant, _folder(stage.folder, entrant))


def _fit(
    place: Workplace,
    data: FoldData,
    blocks: SnapshotBlocks,
    entrant: Entrant,
    folder: Path,
) -> tuple[Shape, Mapping[str, Any]]:
    """The fit of an entrant, and what it took; made where it is not there, or damaged."""
    shape, known = open_intact_shape(place, folder), read_manifest(folder / "fit.json")
    if shape is not None and known is not None:
        return shape, known
    start = _start(place, data, blocks, entrant.after, folder.parent) if entrant.after else None
    empty_folder(folder)
    values = entrant.learns_values
    training = training_data(
        data, blocks, values=values, seed=entrant.seed, folder=folder, start=start
    )
    check_size(data, training.size, values=values)
    require_room_here(place, data.snapshot.facts, entrant.model, entrant.lengths)
    place.spark.sparkContext.setJobDescription(f"{entrant.name}, {data.fold.name}")
    began = place.clock()
    with watched() as peak:
        fitted = entrant.model.fit(training)
    seconds = (place.clock() - began).total_seconds()
    made = {"seconds": seconds, "peak_bytes": peak.bytes, "report": dict(fitted.report)}
    commit_manifest(folder / "fit.json", made)
    commit_shape(folder, fitted.shape)
    place.intact.add(folder)
    return fitted.shape, made


def _start(
    place: Workplace, data: FoldData, blocks: SnapshotBlocks, before: Entrant, trials: Path
) -> Start:
    """Where the fit of one that comes after another begins; the other is fitted where it is not."""
    shape, _ = _fit(place, data, blocks, before, _folder(trials, before))
    if not isinstance(shape, Factors):
        raise TypeError(f"{before.name} is fitted into {shape.kind}, which no fit can start from")
    return Start(blocks.items.blocks, shape.items)


def _folder(trials: Path, entrant: Entrant) -> Path:
    """Where the files of a trial lie: every comparison on the fold finds them."""
    definition = json.dumps(entrant.definition, sort_keys=True)
    return trials / f"{entrant.model.name}-{_digest(definition)}"


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def add_up_trials(
    place: Workplace,
    stages: Sequence[Stage],
    trials: Mapping[str, Sequence[Trial]],
    metrics: Sequence[str],
) -> dict[str, Totals]:
    """What users add up to, by the name of the entrant.

    Args:
        place: The workplace.
        stages: The folds.
        trials: The trials of each entrant, one on each fold.
        metrics: What is measured.
    """
    if not trials:
        return {}
    subjects = [
        Subject(name, tuple(trial.judged for trial in done)) for name, done in trials.items()
    ]
    scales = [stage.traits.scale for stage in stages]
    return add_up(place, subjects, scales, metrics, place.settings.model.seed)


def total_cost(costs: Sequence[Cost]) -> Cost:
    """What the trials of an entrant on all folds took."""
    peaks = [cost.peak_bytes for cost in costs if cost.peak_bytes is not None]
    return Cost(
        sum(cost.fit_seconds for cost in costs),
        sum(cost.score_seconds for cost in costs),
        max(peaks, default=None),
        costs[-1].report,
    )


def cost_as_row(cost: Cost) -> dict[str, Any]:
    """The same as JSON-ready values, without what the fit says."""
    return {name: value for name, value in asdict(cost).items() if name != "report"}
