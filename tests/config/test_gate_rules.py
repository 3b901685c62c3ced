"""What the gate's rules may say, and what is said of those that cannot be followed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from toplists.config.gate_rules import BoundRule, ChurnRule
from toplists.config.layers import describe_settings, resolve_settings
from toplists.config.metric_names import (
    PREDICTING_KINDS,
    RUN_KINDS,
    TOGETHER_KINDS,
    UNDIRECTED_KINDS,
)
from toplists.engine.kernels.metrics import ALL_KINDS
from toplists.engine.kernels.metrics_exposure import EXPOSURE_KINDS
from toplists.errors import ConfigurationError

CONF = Path(__file__).parents[2] / "conf"


def test_rules_are_told_apart_by_what_they_are_called() -> None:
    written = "[{rule: floor, metric: ndcg@10, limit: 0.05, action: warn}, {rule: churn, below: 1}]"
    settings = resolve_settings(CONF, "local", [f"gate.rules={written}"]).settings
    assert settings.gate.rules == (
        BoundRule(rule="floor", metric="ndcg@10", limit=0.05, action="warn"),
        ChurnRule(rule="churn", below=1.0),
    )


def test_no_rules_leave_the_checks_of_lists() -> None:
    assert resolve_settings(CONF, "local", ["gate.rules=[]"]).settings.gate.rules == ()


def test_rules_are_shown_as_they_are_written() -> None:
    lines = {line.key: line for line in describe_settings(resolve_settings(CONF, "local"))}
    first = '[{"rule": "loss", "against": "popularity", "metric": "ndcg@10", "slice": "", '
    assert lines["gate.rules"].value.startswith(first)


LIVE = "rule: loss, against: live, metric: ndcg@10"
ACTIVITY = "{rule: drift, of: activity}"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{rule: los}", "allowed: list of (loss | floor | ceiling | trend | churn | drift | new_"),
        ("{metric: ndcg@10}", "allowed: list of (loss | floor"),
        ("3", "allowed: list of (loss | floor"),
        ("{rule: loss, against: others, metric: ndcg@10}", "against: Input should be 'popularity'"),
        ("{rule: loss, against: live, metric: ndgc@10}", "metric: there is no metric 'ndgc'. Did"),
        (f"{{{LIVE}, max_los: 0.1}}", "max_los: there is no such field"),
        (f"{{{LIVE}, action: shout}}", "action: Input should be 'block' or 'warn'"),
        (f"{ACTIVITY}, {ACTIVITY}", "rule 2 (drift) is there twice"),
        # What could never be broken.
        (f"{{{LIVE}, max_loss: 1}}", "max_loss = 1 is never exceeded"),
        ("{rule: floor, metric: ndcg@10, limit: 0}", "no figure is below a floor of 0"),
        ("{rule: trend, metric: ndcg@10, nights: 3}", "4 of the last 3 nights cannot be"),
        ("{rule: loss, against: live, metric: tail_share@10}", "neither more nor less of tail_sh"),
        ("{rule: loss, against: live, metric: gini@10}", "gini is one figure of all lists"),
        ("{rule: loss, against: live, metric: rbo@10}", "rbo compares two runs"),
        ("{rule: loss, against: popularity, metric: rmse}", "popularity predicts no values"),
        ("{rule: floor, metric: gini@10, limit: 1, slice: activity=low}", "it has no slices"),
        ("{rule: trend, metric: novelty@10}", "novelty does not say how well held-out items are"),
        ("{rule: churn, max_share: 1}", "max_share = 1 is never exceeded"),
        ("{rule: churn, below: 0}", "below: Input should be greater than 0"),
        ("{rule: new_share, of: users, max_share: 1}", "max_share = 1 is never exceeded"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_named(rules: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        resolve_settings(CONF, "local", [f"gate.rules=[{rules}]"])
    assert said in str(refused.value)
    assert "Value error" not in str(refused.value)


@pytest.mark.parametrize(
    ("slice_", "said"),
    [
        ("tenure=under 30 days", "judges by the slice tenure=under 30 days, for which figures are"),
        (
            "activity",
            "the slice activity, which activity does not have: use one of low, middle, hi",
        ),
        ("activity=lowest", "which activity does not have: use one of low, middle, high"),
    ],
)
def test_a_slice_that_is_not_measured_is_named(slice_: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        resolve_settings(CONF, "local", [f"gate.rules=[{{{LIVE}, slice: {slice_}}}]"])


@pytest.mark.parametrize("metric", ["novelty@10", "personal_share@10", "auc"])
def test_a_slice_of_items_has_figures_of_held_out_items_only(metric: str) -> None:
    def rules(slice_: str) -> list[str]:
        rule = f"{{rule: floor, metric: {metric}, limit: 0.1, slice: '{slice_}'}}"
        return [
            f"evaluate.metrics=[{metric},ndcg@10]",
            "evaluate.slices=[activity,popularity,item:genres]",
            f"gate.rules=[{rule}]",
        ]

    assert resolve_settings(CONF, "local", rules("activity=low"))
    for slice_ in ("popularity=tail", "item:genres=War"):
        with pytest.raises(ConfigurationError, match="not a figure of some of the held-out items"):
            resolve_settings(CONF, "local", rules(slice_))


def test_slices_of_attributes_have_any_name() -> None:
    rule = f"{{{LIVE}, slice: 'item:genres=Film-Noir'}}"
    settings = ["evaluate.slices=[item:genres]", f"gate.rules=[{rule}]"]
    assert resolve_settings(CONF, "local", settings)


def test_kinds_are_what_the_kernels_say_of_them() -> None:
    def named(kinds: Iterable[str]) -> set[str]:
        return {*kinds} - {*RUN_KINDS}

    assert named(k for k, kind in ALL_KINDS.items() if kind.better == "neither") == {
        *UNDIRECTED_KINDS
    }
    assert named(EXPOSURE_KINDS) == {*TOGETHER_KINDS}
    assert named(k for k, kind in ALL_KINDS.items() if "scores" in kind.needs) == {
        *PREDICTING_KINDS
    }


def test_which_of_several_rules_it_is_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"--set: entry 2 of gate\.rules, {.*}, is not"):
        resolve_settings(CONF, "local", [f"gate.rules=[{ACTIVITY}, {{rule: churn, k: 0}}]"])
