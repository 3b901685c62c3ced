"""What may be measured, and what is said of everything else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from toplists.config.metric_names import (
    DECIDING_KINDS,
    HELD_OUT_KINDS,
    JUDGED_KINDS,
    METRIC_KINDS,
    Metric,
    parse_metric,
)
from toplists.config.settings import Settings
from toplists.engine.kernels.metric_kind import asked
from toplists.engine.kernels.metrics import ALL_KINDS, KINDS
from toplists.engine.kernels.metrics_exposure import EXPOSURE_KINDS
from toplists.engine.kernels.metrics_ranking import RANKING_KINDS
from toplists.engine.kernels.metrics_rating import RATING_KINDS


def loss(metric: str) -> dict[str, str]:
    """A rule of the gate that is over a metric."""
    return {"rule": "loss", "against": "popularity", "metric": metric}


def test_any_kind_at_any_number_of_places() -> None:
    names = ("map@1", "capped_recall@1000", "mrr@7")
    settings = Settings.model_validate(
        {"evaluate": {"metrics": names}, "gate": {"rules": [loss("mrr@7")]}}
    )
    assert settings.evaluate.metrics == names


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("ndcg@10", Metric("ndcg", 10)),
        ("rbo@1000", Metric("rbo", 1000)),
        ("cumulative_hit_rate@10>=4", Metric("cumulative_hit_rate", 10, ">=", 4.0)),
        ("cumulative_hit_rate@1>=-0.5", Metric("cumulative_hit_rate", 1, ">=", -0.5)),
        ("rating_hit_rate@10=5", Metric("rating_hit_rate", 10, "=", 5.0)),
        ("rating_hit_rate@5=0", Metric("rating_hit_rate", 5, "=", 0.0)),
        ("auc", Metric("auc")),
    ],
)
def test_what_a_name_asks_for(name: str, metric: Metric) -> None:
    assert parse_metric(name) == metric


@pytest.mark.parametrize("kind", METRIC_KINDS)
def test_every_kind_is_named_as_it_is_computed(kind: str) -> None:
    definition = ALL_KINDS[kind]
    name = kind + ("@7" if definition.cutoff else "")
    name += f"{definition.comparison}2.5" if definition.comparison else ""
    metric, question = parse_metric(name), asked(name)
    assert (metric.kind, metric.cutoff or 0, metric.comparison) == question[:3]
    assert metric.value == (question.value if definition.comparison else None)


def test_every_kind_that_is_computed_has_a_name() -> None:
    assert {*METRIC_KINDS} == {*ALL_KINDS}
    assert len(METRIC_KINDS) == len(ALL_KINDS)


def test_one_contender_is_judged_by_what_it_lists() -> None:
    assert {*KINDS, *EXPOSURE_KINDS} == {*JUDGED_KINDS}


def test_slices_of_items_have_what_looks_at_held_out_items() -> None:
    assert {*HELD_OUT_KINDS} == {*RANKING_KINDS, *RATING_KINDS} - {"auc"}


def test_what_decides_is_better_when_it_is_larger_and_has_intervals() -> None:
    assert all(KINDS[kind].better == "larger" for kind in DECIDING_KINDS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ndcg@10>=4", "ndcg does not look at values: write ndcg@10"),
        ("auc@10", "auc looks at everything, not at some places: write auc"),
        ("rmse=4", "rmse looks at everything, not at some places: write rmse"),
        (
            "cumulative_hit_rate@10",
            "has no >= behind its places: write such as cumulative_hit_rate@10>=4",
        ),
        ("cumulative_hit_rate@10=4", "has no >= behind its places"),
        ("rating_hit_rate@10>=4", "has no = behind its places: write such as rating_hit_rate@10=4"),
        (
            "rating_hit_rate=4",
            "has no whole number behind an @: write such as rating_hit_rate@10=4",
        ),
        ("cumulative_hit_rate@10>4", "has no whole number behind an @"),
        ("rating_hit_rate@10=", "has no number behind ="),
        ("rating_hit_rate@10=five", "has no number behind ="),
        ("rating_hit_rate@10=5.0", "or a longer one than it takes"),
        ("rating_hit_rate@10=-0", "or a longer one than it takes"),
        ("coverge@10", "there is no metric 'coverge'. Did you mean coverage?"),
        ("@10", "there is no metric ''. Use one of hit_rate, "),
    ],
)
def test_what_is_said_of_a_name_that_is_none(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_metric(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluate": {"metrics": ["ndgc@10"]}}, "there is no metric 'ndgc'. Did you mean ndcg?"),
        ({"evaluate": {"metrics": ["a@10"]}}, "there is no metric 'a'. Use one of hit_rate, "),
        (
            {"evaluate": {"metrics": ["rbo@10"]}},
            "rbo compares two runs, and is measured against what is live whenever something is: leave it",
        ),
        ({"evaluate": {"metrics": [""]}}, "there is no metric ''"),
        ({"evaluate": {"metrics": ["ndcg"]}}, "'ndcg' has no whole number behind an @"),
        ({"evaluate": {"metrics": ["ndcg@ten"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@-1"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@010"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@0"]}}, "ndcg@0 looks at 0 places: choose 1 to 1,000"),
        ({"evaluate": {"metrics": ["ndcg@1001"]}}, "choose 1 to 1,000"),
        ({"evaluate": {"metrics": ["ndcg@10", "ndcg@10"]}}, "ndcg@10 is there twice"),
        ({"evaluate": {"metrics": []}}, "at least 1 item"),
        ({"gate": {"rules": [loss("ndcg@0")]}}, "looks at 0 places"),
        # What decides has to be measured.
        (
            {"gate": {"rules": [loss("ndcg@10"), loss("mrr@10")]}},
            "rule 2 of gate.rules (loss) judges by mrr@10, which is not measured: add it to eval",
        ),
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(changes)
    assert message in str(refused.value)
