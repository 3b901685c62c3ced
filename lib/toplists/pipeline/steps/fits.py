"""The fits of a night: which models a run needs, and where the fitted ones are found.

The evaluation fits learn from the training part only: the candidate, the fallback, whose last ranking
is popularity, and the live run's configuration where it differs. The publication fits learn from
everything before `as_of`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from toplists.config.model import ModelSettings
from toplists.config.prepare import PrepareSettings
from toplists.config.recommend import RecommendSettings
from toplists.config.settings import Settings
from toplists.dataset.snapshot import Snapshot
from toplists.engine.blocks import Part
from toplists.engine.exchange import damaged_parts
from toplists.engine.shapes import (
    Factors,
    ItemWeights,
    Ranking,
    Shape,
    commit_shape,
    open_shape,
    parts_of,
)
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import MODELS
from toplists.models.definition import Parameters
from toplists.models.protocol import Model
from toplists.models.registry import (
    learns_values,
    make_model,
    make_similar,
    tells_users_apart,
    vector_lengths,
)
from toplists.models.store import load_shape
from toplists.pipeline.entrants import Entrant, parse_entrants
from toplists.pipeline.workplace import Workplace
from toplists.ranking.fallback import Fallback
from toplists.ranking.scoring import PERSONAL

_LOG = logging.getLogger(__name__)

ShapeT = TypeVar("ShapeT", Factors, ItemWeights, Ranking)


@dataclass(frozen=True)
class Fit:
    """One fit of a run: a model with its parameters and seed, on one part of the snapshot.

    `lengths` are those of its vectors, as `registry.vector_lengths` says it.
    """

    role: str
    model: Model
    seed: int
    part: Part
    lengths: tuple[int, int] | None = None

    def model_id(self, run: Run) -> str:
        """The fit's id in the registry."""
        return f"{run.run_id}.{self.role}.{self.part}"

    @property
    def learns_values(self) -> bool:
        """Whether the model learns the values of ratings, liked or not, instead of likings."""
        return learns_values(self.model)

    @property
    def is_personal(self) -> bool:
        """Whether the model tells users apart."""
        return tells_users_apart(self.model)

    @property
    def source(self) -> str:
        """What its items are marked with in users' lists."""
        return PERSONAL if self.is_personal else self.model.name

    def same_as(self, other: Fit) -> bool:
        """Whether both would learn the same from the same data."""
        return (self.model.name, self.model.parameters, self.seed) == (
            other.model.name,
            other.model.parameters,
            other.seed,
        )


@dataclass(frozen=True)
class FitPlan:
    """The fits of a run.

    `live` is there only if the live run is configured differently, and `live_is_unreadable` if this release
    does not know its settings. `contenders` are judged beside the candidate, by what they are called. `similar`
    is there unless similar items come from the published factors, `similar_fallback` if their lists are filled. The rankings of the fallback are in the order
    of use, `judged_fallback` for the evaluation and `fallback` for publication.
    """

    candidate: Fit
    judged_fallback: tuple[Fit, ...]
    live: Fit | None
    live_is_unreadable: bool
    contenders: Mapping[str, Fit]
    published: Fit
    similar: Fit | None
    similar_fallback: Fit | None
    fallback: tuple[Fit, ...]

    @property
    def popularity(self) -> Fit:
        """The baseline of the evaluation: the ranking that every fallback ends with."""
        return self.judged_fallback[-1]

    def __iter__(self) -> Iterator[Fit]:
        """Every fit, once."""
        yield from (self.candidate, *self.judged_fallback)
        if self.live is not None:
            yield self.live
        yield from self.contenders.values()
        yield self.published
        if self.similar is not None:
            yield self.similar
        if self.similar_fallback is not None:
            yield self.similar_fallback
        yield from self.fallback


def plan_fits(place: Workplace, run: Run) -> FitPlan:
    """What has to be fitted for the run."""
    parameters = _parameters(place, run)
    settings, recommend, _ = parameters
    candidate = _personal_fit(parameters, "train")
    live = _live_run(place)
    of_live = None if live is None else _parameters_of_live(place, live)
    contender = _live_fit(live, of_live) if live and of_live else None
    if contender is not None and contender.same_as(candidate):
        contender = None
    similar = similar_fallback = None
    if recommend.similar != "factors":
        model = make_similar(recommend.similar, settings)
        similar = Fit("similar", model, settings.seed, "all")
    if recommend.similar_fallback is not None:
        model = make_similar(recommend.similar_fallback, settings)
        similar_fallback = Fit("similar-fallback", model, settings.seed, "all")
    return FitPlan(
        candidate=candidate,
        judged_fallback=_fallback_fits(parameters, "train"),
        live=contender,
        live_is_unreadable=live is not None and of_live is None,
        contenders=_contender_fits(place, run, parameters, candidate),
        published=_personal_fit(parameters, "all"),
        similar=similar,
        similar_fallback=similar_fallback,
        fallback=_fallback_fits(parameters, "all"),
    )


def model_settings(run: Run) -> ModelSettings:
    """The models that the run was begun with."""
    return ModelSettings(**json.loads(run.configuration)["model"])


def _parameters(place: Workplace, run: Run) -> Parameters:
    """What the run was begun with; how work is cut is for this process to say."""
    recommend = RecommendSettings(**json.loads(run.configuration)["recommend"])
    return Parameters(model_settings(run), recommend, place.settings.engine)


def _personal_fit(parameters: Parameters, part: Part, role: str = "personal") -> Fit:
    settings = parameters.model
    model = make_model(settings.name, parameters)
    return Fit(role, model, settings.seed, part, vector_lengths(settings))


def _fallback_fits(parameters: Parameters, part: Part) -> tuple[Fit, ...]:
    models = (make_model(name, parameters) for name in parameters.recommend.fallback)
    seed = parameters.model.seed
    return tuple(Fit(f"fallback-{model.name}", model, seed, part) for model in models)


def check_contenders(settings: Settings) -> None:
    """See to it that all models named by `evaluate.contenders` can be made.

    Raises:
        ConfigurationError: one cannot.
    """
    _contenders(settings)


def vector_tables(settings: Settings) -> tuple[str, ...]:
    """The tables of ready-made vectors that the models of a run read, contenders with settings of their own too.

    Raises:
        ConfigurationError: a contender cannot be made.
    """
    of_contenders = (table for one in _contenders(settings) for table in one.vector_tables)
    return tuple(dict.fromkeys((*settings.model.vector_tables, *of_contenders)))


def _contenders(settings: Settings) -> list[Entrant]:
    named = ", ".join(settings.evaluate.contenders)
    return parse_entrants(named, settings, "evaluate.contenders")


def _contender_fits(
    place: Workplace, run: Run, parameters: Parameters, candidate: Fit
) -> dict[str, Fit]:
    """What is judged beside the candidate, as far as it is not judged anyway."""
    settings = place.settings.model_copy(
        update={"model": parameters.model, "recommend": parameters.recommend}
    )
    named = ", ".join(json.loads(run.configuration)["evaluate"]["contenders"])
    fits = {}
    for entrant in parse_entrants(named, settings, "evaluate.contenders"):
        # Names of entrants are no names of folders.
        digest = hashlib.blake2b(entrant.name.encode(), digest_size=4).hexdigest()
        role = f"beside-{entrant.model.name}-{digest}"
        fit = Fit(role, entrant.model, entrant.seed, "train", entrant.lengths)
        if fit.model.name != POPULARITY and not fit.same_as(candidate):
            fits[entrant.name] = fit
    return fits


def _live_run(place: Workplace) -> Run | None:
    live = read_pointer(place.dataset).live
    return place.ledger.find_run(live.run_id) if live else None


def _parameters_of_live(place: Workplace, run: Run) -> Parameters | None:
    """What the live run's models were made with; `None` where this release does not know it.

    Settings of models that there are no more do not matter, unless one is the run's, nor do settings of
    lists that there are no more.
    """
    stored = json.loads(run.configuration)
    model, recommend = (
        {name: stored[room][name] for name in stored[room] if name in kind.model_fields}
        for room, kind in (("model", ModelSettings), ("recommend", RecommendSettings))
    )
    try:
        return Parameters(
            ModelSettings(**model), RecommendSettings(**recommend), place.settings.engine
        )
    except ValidationError:
        _LOG.warning("the live run %s has settings that this release does not know", run.run_id)
        return None


def _live_fit(run: Run, parameters: Parameters) -> Fit:
    """The live run's configuration; its role names it, since another may be live in a minute."""
    return _personal_fit(parameters, "train", role=f"{LIVE}-{run.configuration_hash}")


def changed_preparation(place: Workplace, run: Run) -> tuple[str, ...]:
    """The settings of `prepare` in which the run differs from what is live, as `name before, now after`.

    The split is left aside: it decides what fits are judged on, not what lists are made of.
    """
    other = _live_run(place)
    if other is None:
        return ()
    before, after = (_preparation(one) for one in (other, run))
    return tuple(
        f"prepare.{name} {before.get(name)}, now {after.get(name)}"
        for name in sorted({*before, *after} - {"split"})
        if before.get(name) != after.get(name)
    )


def _preparation(run: Run) -> dict[str, object]:
    """A run's settings of `prepare`, those included that its release did not have."""
    stored: dict[str, object] = json.loads(run.configuration)["prepare"]
    try:
        return PrepareSettings.model_validate(stored).model_dump(mode="json")
    except ValidationError:  # a setting of another release
        return stored


def find_fit(place: Workplace, run: Run, snapshot: Snapshot, fit: Fit) -> Shape | None:
    """The content of a fit as files that tasks open, or `None` where it has to be made.

    Publication fits are stored in tables. Evaluation fits, which nobody needs after the run, are kept
    in files only, and made again where those are gone or damaged.
    """
    model_id = fit.model_id(run)
    registered = read_rows(place.dataset, MODELS, model_id=model_id)
    if not registered:
        return None
    folder = model_folder(place.dataset, run, fit)
    shape = open_intact_shape(place, folder)
    if shape is None and fit.part == "all":
        kind, blocks = registered[0]["shape"], snapshot.blocks(place.settings.engine)
        shape = load_shape(
            place.spark, place.dataset, kind, model_id, blocks.users, blocks.items, folder
        )
        commit_shape(folder, shape)
        place.intact.add(folder)
    return shape


def open_intact_shape(place: Workplace, folder: Path) -> Shape | None:
    """The shape in the folder, or `None` where there is none or its files are damaged."""
    shape = open_shape(folder)
    if shape is None or folder in place.intact:
        return shape
    damaged = damaged_parts(place.spark, parts_of(shape))
    if damaged:
        _LOG.warning("files of the fit in %s are damaged or gone, as %s", folder, damaged[0])
        return None
    place.intact.add(folder)
    return shape


def model_folder(dataset: Dataset, run: Run, fit: Fit) -> Path:
    """Where the files of a fit lie."""
    return dataset.work / run.run_id / "models" / fit.model_id(run)


def open_fit(place: Workplace, run: Run, snapshot: Snapshot, fit: Fit) -> Shape:
    """The content of a fit.

    Raises:
        ConfigurationError: it was not fitted.
    """
    shape = find_fit(place, run, snapshot, fit)
    if shape is None:
        raise ConfigurationError(f"Model {fit.model_id(run)} is not fitted yet. Run train first.")
    return shape


def open_fit_as(
    kind: type[ShapeT], place: Workplace, run: Run, snapshot: Snapshot, fit: Fit
) -> ShapeT:
    """The content of a fit whose shape its model decides."""
    shape = open_fit(place, run, snapshot, fit)
    if not isinstance(shape, kind):
        raise TypeError(f"{fit.model.name} is fitted into {shape.kind}, not {kind.kind}")
    return shape


def open_fallback(place: Workplace, run: Run, snapshot: Snapshot, fits: Sequence[Fit]) -> Fallback:
    """The content of the fits of a fallback."""
    rankings = ((fit, open_fit_as(Ranking, place, run, snapshot, fit)) for fit in fits)
    return Fallback(
        tuple((fit.model.name, ranking) for fit, ranking in rankings), snapshot.segments
    )
