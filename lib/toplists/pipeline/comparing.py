"""compare: several models on one protocol, side by side, on equal terms.

All learn from the same folds of the same snapshot, are judged on the same users among the same candidates,
and share the fallback. A model that fails is a row with its reason, and the others go on. What is done is
not repeated, so that a comparison can be killed at any point and run again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from toplists.config.evaluate import EvaluateSettings
from toplists.config.protocol_names import Protocol
from toplists.dataset.folds import FoldData, make_folds
from toplists.errors import ConfigurationError
from toplists.evaluation.aggregation import EVERYBODY, Totals
from toplists.evaluation.bake_off import Standing, standings
from toplists.evaluation.comparison import Added, Figure, to_rows
from toplists.lake.bookkeeping import replace_rows
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import METRICS
from toplists.pipeline.console import Narrator
from toplists.pipeline.entrants import Entrant
from toplists.pipeline.failure import reason_of
from toplists.pipeline.identity import identify_study
from toplists.pipeline.judgement import figures_of
from toplists.pipeline.nightly import begin_run, perform
from toplists.pipeline.recording import record
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.trials import (
    Cost,
    Stage,
    Trial,
    add_up_trials,
    cost_as_row,
    set_stage,
    total_cost,
    try_out,
)
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompareOptions:
    """What `compare` was asked for.

    `deciding` is the metric that puts models in order; `as_of` None = the day after the newest event.
    """

    entrants: tuple[Entrant, ...]
    protocol: Protocol
    deciding: str
    as_of: date | None = None


@dataclass(frozen=True)
class Row:
    """What a comparison says of a model.

    `standing` is `None` where it failed, or was not measured by the metric that decides; `failure` is why
    it failed. `cost` is what all folds took.
    """

    name: str
    figures: Mapping[str, Figure]
    standing: Standing | None
    cost: Cost | None
    failure: str | None


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to: its id, protocol and metrics, and rows from the best model to the worst.

    `confidence` is that of the intervals, `deciding` the metric by which models are in order.
    """

    comparison_id: str
    protocol: str
    folds: tuple[str, ...]
    metrics: tuple[str, ...]
    deciding: str
    confidence: float
    rows: tuple[Row, ...]

    @property
    def measured(self) -> int:
        """How many models have a figure of the metric that decides."""
        return sum(row.standing is not None for row in self.rows)


def compare_models(place: Workplace, narrator: Narrator, options: CompareOptions) -> Comparison:
    """Compare models; figures go into `metrics`, and what they are made of into `user_metrics`.

    Raises:
        InputRefusedError: the protocol is impossible on the data.
        ConfigurationError: nothing was ever loaded.
    """
    run = begin_run(place, options.as_of)
    total = 2 + len(options.entrants)
    perform(place, narrator, run, "prepare", 1, total)
    study = identify_study(
        "compare",
        run,
        {
            "models": {one.name: one.definition for one in options.entrants},
            "protocol": str(options.protocol),
            "evaluate": place.settings.evaluate.model_dump(mode="json"),
            "gate": place.settings.gate.model_dump(mode="json"),
        },
    )
    narrator.about(study.run_id)
    found: list[Comparison] = []

    def work() -> Outcome:
        comparison = _compare(place, narrator, run, study, options)
        found.append(comparison)
        return _outcome(comparison)

    record(place.ledger, study, "compare", work)
    return found[0]


def deciding_metric(settings: EvaluateSettings, asked_for: str | None) -> str:
    """The metric that puts models in order: the one asked for, or the first that is measured and can.

    Raises:
        ConfigurationError: it is not measured, or says not how well held-out items are ranked.
    """
    can = settings.deciding_metrics
    if asked_for is None and can:
        return can[0]
    if asked_for in can:
        return asked_for
    known = f"one of {', '.join(can)}" if can else "a metric that ranks, such as ndcg@10"
    raise ConfigurationError(
        f"Models cannot be put in order by {asked_for or 'what is measured'}: use {known}, or add it to "
        "evaluate.metrics."
    )


def _compare(
    place: Workplace, narrator: Narrator, run: Run, study: Run, options: CompareOptions
) -> Comparison:
    total = 2 + len(options.entrants)
    with narrator.step(2, total, "split") as step:
        step.detail(str(options.protocol))
        folds = make_folds(open_snapshot(place, run), options.protocol)
        stages = [set_stage(place, fold) for fold in folds]
        step.detail(_describe(options.protocol, folds))
    metrics = place.settings.evaluate.metrics
    trials: dict[str, list[Trial]] = {}
    failures: dict[str, str] = {}
    for number, entrant in enumerate(options.entrants, start=3):
        with narrator.step(number, total, "judge") as step:
            step.detail(entrant.name)
            try:
                trials[entrant.name] = _judge(place, study, stages, entrant, metrics)
                seconds = sum(trial.cost.fit_seconds for trial in trials[entrant.name])
                step.detail(f"{entrant.name}, fitted in {seconds:.1f} s")
            except Exception as error:
                # Whatever it is, the other models go on; its stack trace is in the log.
                _LOG.exception("%s failed", entrant.name)
                failures[entrant.name] = reason_of(error)
                step.detail(f"{entrant.name} failed: {failures[entrant.name]}")
    totals = add_up_trials(place, stages, trials, metrics)
    figures = figures_of(place, totals, metrics)
    rows = to_rows(figures, study.run_id, str(options.protocol))
    replace_rows(place.dataset, METRICS, rows, where=f"run_id = '{study.run_id}'")
    return Comparison(
        study.run_id,
        str(options.protocol),
        tuple(stage.label for stage in stages),
        metrics,
        options.deciding,
        place.settings.gate.confidence,
        _rows(
            *(options.entrants, trials, failures, figures),
            _standings(place, totals, options.deciding),
        ),
    )


def _judge(
    place: Workplace,
    study: Run,
    stages: Sequence[Stage],
    entrant: Entrant,
    metrics: tuple[str, ...],
) -> list[Trial]:
    return [try_out(place, stage, entrant, metrics, run_id=study.run_id) for stage in stages]


def _standings(
    place: Workplace, totals: Mapping[str, Totals], deciding: str
) -> dict[str, Standing]:
    added = {
        name: Added(one.metrics, one.slices[EVERYBODY], one.bounds) for name, one in totals.items()
    }
    return {one.name: one for one in standings(added, deciding, place.settings.gate.confidence)}


def _rows(
    entrants: Sequence[Entrant],
    trials: Mapping[str, Sequence[Trial]],
    failures: Mapping[str, str],
    figures: Sequence[Figure],
    places: Mapping[str, Standing],
) -> tuple[Row, ...]:
    """From the best model to the worst; those that failed come last."""
    own: dict[str, dict[str, Figure]] = {entrant.name: {} for entrant in entrants}
    for figure in figures:
        if not (figure.versus or figure.slice):
            own[figure.subject][figure.metric] = figure
    order = [*places, *(entrant.name for entrant in entrants if entrant.name not in places)]
    order.sort(key=lambda name: name in failures)
    return tuple(
        Row(
            name,
            own[name],
            places.get(name),
            total_cost([trial.cost for trial in trials[name]]) if name in trials else None,
            failures.get(name),
        )
        for name in order
    )


def _describe(protocol: Protocol, folds: Sequence[FoldData]) -> str:
    users = sum(fold.sizes.users for fold in folds)
    trained = sum(fold.sizes.trained for fold in folds) // len(folds)
    parts = f"{len(folds)} folds, " if len(folds) > 1 else ""
    return f"{protocol}: {parts}{users:,} users to judge on, {trained:,} likings to learn from"


def _outcome(comparison: Comparison) -> Outcome:
    """The comparison as the ledger keeps it."""
    best = comparison.rows[0]
    rows = [
        {
            "name": row.name,
            "verdict": row.standing.verdict if row.standing else None,
            "p": row.standing.p if row.standing else None,
            "cost": cost_as_row(row.cost) if row.cost else None,
            "failure": row.failure,
        }
        for row in comparison.rows
    ]
    facts = {
        "protocol": comparison.protocol,
        "folds": list(comparison.folds),
        "deciding": comparison.deciding,
        "rows": json.loads(json.dumps(rows)),
    }
    return Outcome(detail=f"{len(rows)} models, the first is {best.name}", facts=facts)
