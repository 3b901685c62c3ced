"""tune: which settings of a model are best, and what they gain over the present ones.

Trials learn from, and are judged within, the training part of a protocol's fold; its test part is looked at
once, at the end, for the best settings and the present ones. What is done is not repeated, so that a study
can be killed at any point and run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import yaml

from toplists.config.model import ModelSettings
from toplists.config.protocol_names import Protocol
from toplists.dataset.folds import FoldData, make_folds, make_validation_folds
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import Figure, to_rows
from toplists.evaluation.slices import Slices
from toplists.lake.bookkeeping import replace_rows
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import METRICS
from toplists.pipeline.console import Narrator
from toplists.pipeline.entrants import Entrant, make_entrant
from toplists.pipeline.identity import identify_study
from toplists.pipeline.judgement import figures_of
from toplists.pipeline.nightly import begin_run, perform
from toplists.pipeline.recording import record
from toplists.pipeline.searching import Search, Tried, Trying
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.trials import add_up_trials, set_stage, try_out
from toplists.pipeline.workplace import Workplace

TUNED, PRESENT = "tuned", "present"
"""Subjects of the test: the best settings, and those that the command was given."""


@dataclass(frozen=True)
class TuneOptions:
    """What `tune` was asked for; `as_of` None = the day after the newest event."""

    search: Search
    protocol: Protocol
    as_of: date | None = None


@dataclass(frozen=True)
class Study:
    """What tuning came to.

    `tried` is from the best to the worst, those that got further first. `best` is `None` if no trial keeps
    all constraints. `test` has the figures that decide on the test part, by subject; `gain` is what the
    best settings have more there than the present ones, `None` where these are the best. `overlay` is the file
    of the best settings, `None` also where they turn out to be worse on the test part.
    """

    study_id: str
    protocol: str
    search: Search
    tried: tuple[Tried, ...]
    best: Tried | None
    test: Mapping[str, Figure]
    gain: Figure | None
    overlay: Path | None


def tune_model(place: Workplace, narrator: Narrator, options: TuneOptions) -> Study:
    """Search for settings; figures go into `metrics`, and what they are made of into `user_metrics`.

    Raises:
        InputRefusedError: the protocol is impossible on the data.
        ConfigurationError: the protocol has several folds, or nothing was ever loaded.
    """
    run = begin_run(place, options.as_of)
    perform(place, narrator, run, "prepare", 1, _steps(options))
    study = identify_study(
        "tune",
        run,
        {
            "present": make_entrant(options.search.model, {}, place.settings).definition,
            "search": options.search.definition,
            "protocol": str(options.protocol),
            "evaluate": place.settings.evaluate.model_dump(mode="json"),
            "gate": place.settings.gate.model_dump(mode="json"),
        },
    )
    narrator.about(study.run_id)
    found: list[Study] = []

    def work() -> Outcome:
        found.append(_tune(place, narrator, run, study.run_id, options))
        return _outcome(found[0])

    record(place.ledger, study, "tune", work)
    return found[0]


def write_overlay(
    dataset: Dataset, study_id: str, model: str, best: Tried, present: ModelSettings
) -> Path:
    """Write the settings of a trial as a YAML file that `--overlay` takes; its path.

    All settings of the model are in it, since those that were tried are best beside the others.
    """
    path = dataset.studies / study_id / "best.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    own = present.model_dump(mode="json")
    settings = {"model": {"name": model, "seed": own["seed"], model: own[model] | best.given}}
    head = f"# The best settings of study {study_id}, for --overlay.\n"
    write_atomically(path, head + yaml.safe_dump(settings, sort_keys=False))
    return path


def _steps(options: TuneOptions) -> int:
    return 3 + options.search.rounds


def _tune(
    place: Workplace, narrator: Narrator, run: Run, study_id: str, options: TuneOptions
) -> Study:
    protocol, search, total = options.protocol, options.search, _steps(options)
    with narrator.step(2, total, "split") as step:
        step.detail(str(protocol))
        outer = _only_fold(make_folds(open_snapshot(place, run), protocol), protocol)
        inner = make_validation_folds(outer)
        # Nobody asks for slices of trials.
        stages = [
            replace(set_stage(place, fold, side_by_side=True), slices=Slices()) for fold in inner
        ]
        choosing = sum(fold.sizes.users for fold in inner)
        step.detail(
            f"{protocol}: {choosing:,} users to choose by, {outer.sizes.users:,} to test on"
        )
    last, behind, figures = _climb(narrator, Trying(place, search, stages, study_id), total)
    rows = to_rows(figures, study_id, f"{protocol}, validation")
    best = next((one for one in last if one.out is None), None)
    test: list[Figure] = []
    with narrator.step(total, total, "test") as step:
        if best is None:
            step.detail("no trial keeps all constraints: nothing to test")
        else:
            test = _test(place, outer, study_id, search, best)
            step.detail(f"{best.name}, on {outer.sizes.users:,} users")
    rows += to_rows(test, study_id, str(protocol))
    replace_rows(place.dataset, METRICS, rows, where=f"run_id = '{study_id}'")
    deciding = [one for one in test if one.metric == search.deciding and not one.slice]
    gain = next((one for one in deciding if one.versus), None)
    overlay = None
    if best is not None and best.given and gain is not None and gain.high >= 0:
        overlay = write_overlay(place.dataset, study_id, search.model, best, place.settings.model)
    return Study(
        study_id,
        str(protocol),
        search,
        (*last, *behind),
        best,
        {one.subject: one for one in deciding if not one.versus},
        gain,
        overlay,
    )


def _only_fold(folds: list[FoldData], protocol: Protocol) -> FoldData:
    if len(folds) != 1:
        raise ConfigurationError(
            f"{protocol} has {len(folds)} folds, and settings are tested on one: use a protocol with one "
            "fold, such as last(5) or days(30)."
        )
    return folds[0]


def _climb(
    narrator: Narrator, trying: Trying, total: int
) -> tuple[list[Tried], list[Tried], list[Figure]]:
    """All rounds: what was in the last, what was left behind, each from the best on, and all figures."""
    search = trying.search
    left, behind, figures = trying.begin(), list[Tried](), list[Figure]()
    for height in range(search.rounds):
        if search.rungs:
            # The present settings stay, to be compared with; what failed once comes to nothing in a
            # longer fit either.
            entries = search.rungs[height].entries
            going = [
                one
                for place, one in enumerate(left)
                if not one.failed and (place < entries or not one.given)
            ]
            left, behind = going, [one for one in left if one not in going] + behind
        with narrator.step(3 + height, total, "tune") as step:
            step.detail(f"{len(left)} trials")
            left, own = trying.try_all(step, left, height)
            figures += own
            step.detail(_describe(left, search))
    return left, behind, figures


def _test(
    place: Workplace, outer: FoldData, study_id: str, search: Search, best: Tried
) -> list[Figure]:
    """Figures of the best settings and the present ones on what no trial has seen."""
    stage = set_stage(place, outer)
    metrics = tuple(dict.fromkeys((*place.settings.evaluate.metrics, *search.metrics)))
    subjects: dict[str, Entrant] = {}
    if best.given:
        subjects[TUNED] = make_entrant(search.model, best.given, place.settings)
    subjects[PRESENT] = make_entrant(search.model, {}, place.settings)
    trials = {
        name: [try_out(place, stage, replace(one, name=name), metrics, run_id=study_id)]
        for name, one in subjects.items()
    }
    return figures_of(place, add_up_trials(place, [stage], trials, metrics), metrics)


def _describe(tried: list[Tried], search: Search) -> str:
    length = f" of {tried[0].iterations} iterations" if tried and tried[0].iterations else ""
    out = sum(one.out is not None for one in tried)
    first = f"{len(tried)} trials{length}" + (f", {out} out" if out else "")
    values = [one.value for one in tried if one.value is not None and one.out is None]
    return f"{first}; best {search.deciding} {values[0]:.4f}" if values else first


def _outcome(study: Study) -> Outcome:
    """The study as the ledger keeps it."""
    facts = {
        "protocol": study.protocol,
        "deciding": study.search.deciding,
        "method": study.search.method,
        "tried": [asdict(one) for one in study.tried],
        "best": asdict(study.best) if study.best else None,
        "test": {name: asdict(one) for name, one in study.test.items()},
        "gain": asdict(study.gain) if study.gain else None,
        "overlay": str(study.overlay) if study.overlay else None,
    }
    best = f"the best is {study.best.name}" if study.best else "none keeps all constraints"
    return Outcome(detail=f"{len(study.tried)} trials, {best}", facts=facts)
