"""What the gate's rules may say, and what is said of those that cannot be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.config.gate_rules import BoundRule, ChurnRule
from toplists.config.layers import describe_settings, resolve_settings
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


def test_which_of_several_rules_it_is_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"--set: entry 2 of gate\.rules, {.*}, is not"):
        resolve_settings(CONF, "local", [f"gate.rules=[{ACTIVITY}, {{rule: churn, k: 0}}]"])
