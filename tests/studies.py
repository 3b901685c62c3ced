"""Comparisons and studies on the data of a night, under the night's settings: its snapshot is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worlds import World

from toplists.config.protocol_names import parse_protocol
from toplists.config.settings import Settings
from toplists.models.search import Method
from toplists.pipeline.comparing import CompareOptions, Comparison, compare_models, deciding_metric
from toplists.pipeline.console import open_narrator
from toplists.pipeline.constraints import parse_constraint
from toplists.pipeline.entrants import parse_entrants
from toplists.pipeline.searching import Search, plan_search
from toplists.pipeline.tuning import Study, TuneOptions, tune_model
from toplists.pipeline.workplace import Workplace


def compare(world: World, models: str, protocol: str = "loo", **changes: Any) -> Comparison:
    """A comparison on the data of a night."""
    settings: Settings = world.settings(**changes)

    def work(place: Workplace) -> Comparison:
        options = CompareOptions(
            tuple(parse_entrants(models, settings)),
            parse_protocol(protocol),
            deciding_metric(settings.evaluate, None),
        )
        with Path("/dev/null").open("w") as nowhere:
            return compare_models(place, open_narrator({}, nowhere, nowhere), options)

    found: Comparison = world.workplace(settings, work, lambda: world.spark)
    return found


def plan(
    settings: Settings,
    *,
    model: str = "als",
    trials: int = 4,
    method: Method | None = None,
    constraints: tuple[str, ...] = (),
) -> Search:
    return plan_search(
        settings, model, trials, method, "ndcg@10", [parse_constraint(one) for one in constraints]
    )


def tune(world: World, protocol: str = "last(2)", **planned: Any) -> Study:
    """A study on the data of a night."""
    settings = world.settings()

    def work(place: Workplace) -> Study:
        options = TuneOptions(plan(settings, **planned), parse_protocol(protocol))
        with Path("/dev/null").open("w") as nowhere:
            return tune_model(place, open_narrator({}, nowhere, nowhere), options)

    found: Study = world.workplace(settings, work, lambda: world.spark)
    return found
