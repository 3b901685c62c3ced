"""Limits that settings must keep, as a person writes them."""

from __future__ import annotations

import pytest

from toplists.errors import ConfigurationError
from toplists.pipeline.constraints import Constraint, parse_constraint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("coverage@10>=0.2", Constraint("coverage@10", ">=", 0.2)),
        ("fit_seconds <= 30", Constraint("fit_seconds", "<=", 30.0)),
        # metrics with a comparison of their own
        ("cumulative_hit_rate@10>=4>=0.2", Constraint("cumulative_hit_rate@10>=4", ">=", 0.2)),
        ("rating_hit_rate@10=5>=0.1", Constraint("rating_hit_rate@10=5", ">=", 0.1)),
    ],
)
def test_a_limit_is_read(text: str, expected: Constraint) -> None:
    assert parse_constraint(text) == expected
    assert parse_constraint(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("coverage@10", "is no limit: write such as"),
        ("coverage@10>0.2", "is no limit: write such as"),
        (">=3", "is no limit: write such as"),
        ("coverage@10>=much", "'much' is no number to compare with"),
        ("coverage@10>=nan", "'nan' is no number to compare with"),
        ("covrage@10>=0.2", "there is no metric 'covrage'"),
        ("seconds<=30", "of what a trial takes there are fit_seconds and score_seconds"),
        ("jaccard@10>=0.1", "jaccard compares two runs"),
    ],
)
def test_what_is_no_limit_is_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_constraint(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--constraint {text!r}")


def test_a_limit_itself_is_kept_and_what_is_not_measured_is_not() -> None:
    least, most = parse_constraint("coverage@10>=0.2"), parse_constraint("fit_seconds<=30")
    assert least.why_broken({"coverage@10": 0.2}) is None
    assert least.why_broken({"coverage@10": 0.1}) == "coverage@10 is 0.1, not >= 0.2"
    assert most.why_broken({"fit_seconds": 30.0}) is None
    assert most.why_broken({"fit_seconds": 31.0}) == "fit_seconds is 31, not <= 30"
    assert least.why_broken({}) == "coverage@10 was not measured"
    assert least.why_broken({"coverage@10": float("nan")}) == "coverage@10 was not measured"
