"""Rounds of trials: which settings of a model are tried, how long, and what becomes of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import Figure
from toplists.models.registry import search_spaces
from toplists.models.search import Given, Method, Rung, Warmth, halve
from toplists.pipeline.constraints import SPENT, Constraint
from toplists.pipeline.entrants import Entrant, label_of, make_entrant
from toplists.pipeline.failure import reason_of
from toplists.pipeline.judgement import figures_of
from toplists.pipeline.narration import StepNarration
from toplists.pipeline.trials import (
    Stage,
    Trial,
    add_up_trials,
    fit_entrant,
    total_cost,
    try_out,
)
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Search:
    """What is tried: settings of a model, by which figure they are ordered, and what they must keep.

    `present` has what the settings are now, of those that are tuned; as a candidate they are empty. `rungs` are the rounds of successive halving; without them there is one round, in which every fit has
    the length that the settings say.
    """

    model: str
    method: Method
    present: Given
    candidates: tuple[Given, ...]
    deciding: str
    constraints: tuple[Constraint, ...]
    rungs: tuple[Rung, ...] = ()
    warmth: Warmth | None = None

    @property
    def rounds(self) -> int:
        """How often trials are judged."""
        return max(1, len(self.rungs))

    @property
    def definition(self) -> Mapping[str, Any]:
        """The same as JSON-ready values."""
        return asdict(self) | {"constraints": [str(one) for one in self.constraints]}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured of trials."""
        limited = [one.name for one in self.constraints if one.name not in SPENT]
        return tuple(dict.fromkeys((self.deciding, *limited)))


@dataclass(frozen=True)
class Tried:
    """Settings, and what they came to in the last round that they were in.

    `iterations` are those of their fits, if rounds differ in them; `spent` are the seconds of all that was
    fitted and scored for them, by the names in `SPENT`. `value` is the figure that decides, `None` before
    the first round and for what failed. `out` is why they cannot be the best: they `failed`, or do not keep the
    constraints that are `broken`.
    """

    name: str
    given: Given
    iterations: int | None = None
    value: float | None = None
    spent: Mapping[str, float] | None = None
    out: str | None = None
    broken: tuple[str, ...] = ()
    failed: bool = False

    @property
    def subject(self) -> str:
        """What its figures are of in the tables: settings, and how long they were fitted."""
        length = "" if self.iterations is None else f", {self.iterations} iterations"
        return f"{self.name}{length}"

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Less is better: what failed comes last, what breaks a constraint before that."""
        return self.failed, self.out is not None, -(self.value or 0.0)


def plan_search(
    settings: Settings,
    model: str,
    trials: int,
    method: Method | None,
    deciding: str,
    constraints: Sequence[Constraint],
) -> Search:
    """What to try; the present settings are the first, and stay until the last round.

    Args:
        settings: The present settings.
        model: The model to tune.
        trials: How many settings to try at most.
        method: How to choose them; `None` = by halving where a fit can go on from another, else at random.
        deciding: The metric that orders them.
        constraints: What they must keep.

    Raises:
        ConfigurationError: the model has nothing to tune, or cannot be searched that way.
    """
    spaces = search_spaces(settings.model)
    if model not in spaces:
        raise ConfigurationError(
            f"There is nothing to tune of {model!r}. What can be tuned: {', '.join(spaces)}."
        )
    space, present = spaces[model], make_entrant(model, {}, settings)
    method = method or ("halving" if space.warmth else "random")
    if method == "grid":
        others = space.grid(trials - 1) if trials > 1 else []
    else:
        others = space.random(trials - 1, present.seed)
    own = present.model.parameters
    candidates: list[Given] = [{}]
    candidates += [given for given in others if any(own[key] != given[key] for key in given)]
    now = {name: own[name] for name in space.dimensions}
    search = Search(model, method, now, tuple(candidates), deciding, tuple(constraints))
    if method != "halving":
        return search
    if space.warmth is None:
        raise ConfigurationError(
            "Successive halving gives more iterations to what is better after a few, and no fit of "
            f"{model} goes on from another. Use --search random, or grid."
        )
    rungs = halve(len(candidates), own[space.warmth.iterations])
    return replace(search, rungs=tuple(rungs), warmth=space.warmth)


def enter(search: Search, settings: Settings, tried: Tried, height: int) -> Entrant:
    """Settings as they enter a round: their fit goes on from that of the round before.

    Args:
        search: The search.
        settings: The present settings.
        tried: The settings that are tried.
        height: Number of the round, from 0.

    Raises:
        ConfigurationError: they do not go together.
    """
    if search.warmth is None:
        return make_entrant(search.model, tried.given, settings)
    entrant, before = None, 0
    for rung in search.rungs[: height + 1]:
        length = {search.warmth.iterations: rung.iterations}
        if entrant is not None:
            length[search.warmth.more] = rung.iterations - before
        made = make_entrant(search.model, {**tried.given, **length}, settings)
        name = replace(tried, iterations=rung.iterations).subject
        entrant, before = replace(made, name=name, after=entrant), rung.iterations
    if entrant is None:
        raise RuntimeError("successive halving without rungs")
    return entrant


@dataclass(frozen=True)
class Trying:
    """A search on validation folds, whose rows go into `user_metrics` under `run_id`."""

    place: Workplace
    search: Search
    stages: Sequence[Stage]
    run_id: str

    def begin(self) -> list[Tried]:
        """The settings that the first round is for."""
        return [Tried(label_of(self.search.model, one), one) for one in self.search.candidates]

    def try_all(
        self, step: StepNarration, candidates: Sequence[Tried], height: int
    ) -> tuple[list[Tried], list[Figure]]:
        """A round: what candidates come to, the best first, with the figures of their trials.

        Args:
            step: Who is told.
            candidates: Settings, with what they came to in the round before.
            height: Number of the round, from 0.
        """
        entrants, failures = self._enter(candidates, height)
        failures |= self._fit(step, entrants)
        trials: dict[str, list[Trial]] = {}
        for name, entrant in entrants.items():
            if name not in failures:
                try:
                    trials[name] = self._judge(entrant)
                except Exception as error:
                    failures[name] = _failure(name, error)
            step.progress(len(trials) + len(failures), len(candidates), "trials")
        named = {entrants[name].name: done for name, done in trials.items()}
        metrics = self.search.metrics
        totals = add_up_trials(self.place, self.stages, named, metrics)
        figures = [one for one in figures_of(self.place, totals, metrics) if not one.versus]
        tried = [
            replace(one, value=None, out=failures[one.name], broken=(), failed=True)
            if one.name in failures
            else self._rate(one, entrants[one.name].name, trials[one.name], figures, height)
            for one in candidates
        ]
        return sorted(tried, key=lambda one: one.order), figures

    def _enter(
        self, candidates: Sequence[Tried], height: int
    ) -> tuple[dict[str, Entrant], dict[str, str]]:
        entrants, failures = {}, {}
        for one in candidates:
            try:
                entrants[one.name] = enter(self.search, self.place.settings, one, height)
            except ConfigurationError as error:
                failures[one.name] = reason_of(error)
        return entrants, failures

    def _fit(self, step: StepNarration, entrants: Mapping[str, Entrant]) -> dict[str, str]:
        """Fit all on all folds, side by side where a fit is one task; why some failed."""

        def fit(entrant: Entrant) -> None:
            for stage in self.stages:
                fit_entrant(self.place, stage, entrant)

        failures = {}
        with ThreadPoolExecutor(self._at_once([*entrants.values()])) as pool:
            fits = {name: pool.submit(fit, entrant) for name, entrant in entrants.items()}
            try:
                for number, (name, done) in enumerate(fits.items(), start=1):
                    error = done.exception()
                    if isinstance(error, Exception):
                        failures[name] = _failure(name, error)
                    elif error is not None:
                        raise error
                    step.progress(number, len(fits), "fits")
            finally:
                pool.shutdown(cancel_futures=True)
        return failures

    def _at_once(self, entrants: Sequence[Entrant]) -> int:
        """How many fits go on at a time: as many as there are cores, if each is one task."""
        values = any(entrant.learns_values for entrant in entrants)
        largest = max(stage.data.sizes.learnt(values=values) for stage in self.stages)
        if largest > self.place.settings.engine.single_task_entries:
            return 1
        return self.place.spark.sparkContext.defaultParallelism

    def _judge(self, entrant: Entrant) -> list[Trial]:
        return [
            try_out(self.place, stage, entrant, self.search.metrics, run_id=self.run_id)
            for stage in self.stages
        ]

    def _rate(
        self,
        before: Tried,
        subject: str,
        trials: Sequence[Trial],
        figures: Sequence[Figure],
        height: int,
    ) -> Tried:
        """What a candidate came to in a round."""
        search, cost = self.search, total_cost([trial.cost for trial in trials])
        earlier = before.spent or dict.fromkeys(SPENT, 0.0)
        spent = {name: earlier[name] + getattr(cost, name) for name in SPENT}
        own = {one.metric: one.value for one in figures if one.subject == subject and not one.slice}
        value = own.get(search.deciding)
        measured = value is not None and not isnan(value)
        whys = {one: one.why_broken({**own, **spent}) for one in search.constraints}
        broken = {str(one): why for one, why in whys.items() if why is not None}
        reasons = [*([] if measured else [f"{search.deciding} was not measured"]), *broken.values()]
        return replace(
            before,
            iterations=search.rungs[height].iterations if search.rungs else None,
            value=value if measured else None,
            spent=spent,
            out="; ".join(reasons) or None,
            broken=tuple(broken),
        )


def _failure(name: str, error: Exception) -> str:
    """Why a trial failed. Whatever it is, the others go on; its stack trace is in the log."""
    _LOG.error("%s failed", name, exc_info=error)
    return reason_of(error)
