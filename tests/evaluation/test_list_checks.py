"""The rules over counted lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toplists.config.evaluate import GateSettings
from toplists.evaluation.list_checks import CheckResult, ListCounts, LiveUsers, check_lists, to_rows
from toplists.lake.tables import METRICS as METRICS_TABLE

GOOD = ListCounts(
    lists=1000,
    eligible=1000,
    missing=0,
    extra=0,
    repeated=0,
    wrong_length=0,
    short=0,
    with_duplicates=0,
    with_bad_scores=0,
    unordered=0,
    trained=800,
    personal=800,
    seen=0,
    hidden=0,
)

LIVE = LiveUsers(eligible=1000, trained=800)


def judge(
    counts: ListCounts, *, live: LiveUsers | None = LIVE, expect_personal: bool = True
) -> list[CheckResult]:
    return check_lists(counts, GateSettings(), n=50, live=live, expect_personal=expect_personal)


def failed(results: list[CheckResult]) -> list[str]:
    return [result.name for result in results if not result.passed]


def test_good_lists_pass() -> None:
    results = judge(GOOD)
    assert failed(results) == []
    assert len({result.name for result in results}) == len(results) == 14


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        ("missing", "missing_lists"),
        ("extra", "extra_lists"),
        ("repeated", "repeated_lists"),
        ("wrong_length", "wrong_length"),
        ("with_duplicates", "duplicate_items"),
        ("seen", "seen_items"),
        ("hidden", "hidden_items"),
        ("with_bad_scores", "bad_scores"),
        ("unordered", "score_order"),
    ],
)
def test_one_is_too_many(defect: str, check: str) -> None:
    results = judge(replace(GOOD, **{defect: 1}))
    assert failed(results) == [check]
    (result,) = [result for result in results if result.name == check]
    assert (result.value, result.allowed) == (1, 0)
    assert result.sentence.endswith(": 1 (none is allowed)")


def test_a_run_without_lists_fails() -> None:
    nothing = ListCounts(**dict.fromkeys(vars(GOOD), 0))
    assert failed(judge(nothing, live=None)) == ["lists"]


@pytest.mark.parametrize(("short", "names"), [(10, []), (11, ["short_share"])])
def test_one_list_in_a_hundred_may_be_short(short: int, names: list[str]) -> None:
    assert failed(judge(replace(GOOD, short=short))) == names


@pytest.mark.parametrize(("personal", "names"), [(400, []), (399, ["personal_share"])])
def test_half_of_the_trained_users_need_personal_items(personal: int, names: list[str]) -> None:
    assert failed(judge(replace(GOOD, personal=personal))) == names


def test_an_empty_model_fails() -> None:
    # Every list was filled from popularity.
    (failure,) = [result for result in judge(replace(GOOD, personal=0)) if not result.passed]
    assert failure.sentence == (
        "trained users whose list holds a personal item: 0 of 800 "
        "(0.0%, gate.min_personal_share = 0.5)"
    )


def test_popularity_need_not_be_personal() -> None:
    assert failed(judge(replace(GOOD, personal=0), expect_personal=False)) == []


def test_without_trained_users_nothing_need_be_personal() -> None:
    assert failed(judge(replace(GOOD, trained=0, personal=0), live=None)) == []


@pytest.mark.parametrize(("eligible", "names"), [(950, []), (949, ["user_retention"])])
def test_most_users_of_the_live_run_must_remain(eligible: int, names: list[str]) -> None:
    assert failed(judge(replace(GOOD, lists=eligible, eligible=eligible))) == names


def test_a_tenth_of_the_users_missing_fails() -> None:
    # From the snapshot: fewer are eligible. From the lists alone: they have none.
    assert failed(judge(replace(GOOD, lists=900, eligible=900))) == ["user_retention"]
    assert failed(judge(replace(GOOD, lists=900, missing=100))) == ["missing_lists"]


@pytest.mark.parametrize(("trained", "names"), [(760, []), (759, ["trained_retention"])])
def test_most_users_must_go_on_to_be_trained_on(trained: int, names: list[str]) -> None:
    # A filter or minimum that leaves them out gives them popular items for lists of their own.
    assert failed(judge(replace(GOOD, trained=trained, personal=trained))) == names


@pytest.mark.parametrize("live", [None, LiveUsers(0, 0), LiveUsers(None, None)])
def test_there_is_nothing_to_retain_at_first(live: LiveUsers | None) -> None:
    assert failed(judge(GOOD, live=live)) == []


def test_rows_fit_the_metrics_table() -> None:
    rows = to_rows(judge(replace(GOOD, seen=3)), "2024-01-01-00000000")
    assert all(set(row) == set(METRICS_TABLE.column_names) for row in rows)
    assert {row["metric"]: row["value"] for row in rows}["seen_items"] == 3.0
    assert {(row["subject"], row["protocol"]) for row in rows} == {("lists", "list_checks")}
