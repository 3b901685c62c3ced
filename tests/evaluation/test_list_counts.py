"""Counting defects of lists: tiny tables with one defect each."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pyspark.sql import SparkSession

from toplists.evaluation.list_checks import ListCounts
from toplists.evaluation.list_counts import count_lists
from toplists.ranking.reasons import SEEN_EVERYTHING_ELSE

Item = tuple[str, float | None, str]
List = tuple[str, list[Item], str | None]

N = 3
CATALOGUE = 6
USERS = [
    ("ada", 2, 2, True),
    ("bob", 1, 1, True),
    ("new", 1, 0, True),  # has seen something, but the model learnt nothing from it
    ("old", 4, 4, False),  # inactive: gets no list
]
SEEN = [("ada", "i1"), ("ada", "i2"), ("bob", "i1"), ("new", "i9")] + [
    ("old", item) for item in ("i1", "i2", "i3", "i4")
]
FILLED: list[Item] = [("i3", 0.5, "personal"), ("i4", 0.5, "personal"), ("i5", 7.0, "popularity")]
POPULAR: list[Item] = [
    ("i1", 9.0, "popularity"),
    ("i2", 8.0, "popularity"),
    ("i5", 7.0, "popularity"),
]
ADA: List = ("ada", FILLED, None)
BOB: List = ("bob", FILLED, None)
NEW: List = ("new", POPULAR, None)

GOOD = {
    "lists": 3,
    "eligible": 3,
    "missing": 0,
    "extra": 0,
    "repeated": 0,
    "wrong_length": 0,
    "short": 0,
    "with_duplicates": 0,
    "with_bad_scores": 0,
    "unordered": 0,
    "trained": 2,
    "personal": 2,
    "seen": 0,
    "hidden": 0,
}


def count(
    spark: SparkSession,
    lists: list[List],
    users: list[tuple[str, int, int, bool]] = USERS,
    seen: list[tuple[str, str]] = SEEN,
) -> ListCounts:
    items = "array<struct<item_id string, score double, source string>>"
    return count_lists(
        spark.createDataFrame(lists, f"user_id string, items {items}, short_reason string"),
        spark.createDataFrame(
            users, "user_id string, interactions long, trained long, eligible boolean"
        ),
        spark.createDataFrame(seen, "user_id string, item_id string"),
        spark.createDataFrame([("gone",), ("stopped",)], "item_id string"),
        n=N,
        catalogue=CATALOGUE,
    )


def changed(counts: ListCounts) -> dict[str, int]:
    """What differs from the counts of good lists."""
    return {name: value for name, value in asdict(counts).items() if value != GOOD[name]}


def with_items(*items: Item) -> list[List]:
    """Good lists, except that ada's holds the given items."""
    return [("ada", list(items), None), BOB, NEW]


CASES: list[tuple[str, list[List], dict[str, int]]] = [
    ("good", [ADA, BOB, NEW], {}),
    ("missing", [BOB, NEW], {"lists": 2, "missing": 1, "personal": 1}),
    ("nobody has a list", [], {"lists": 0, "missing": 3, "personal": 0}),
    ("inactive user", [ADA, BOB, NEW, ("old", [("i5", 1.0, "personal")] * 3, None)],
     {"lists": 4, "extra": 1, "with_duplicates": 1}),
    ("unknown user", [ADA, BOB, NEW, ("eve", FILLED, None)], {"lists": 4, "extra": 1}),
    ("list twice", [ADA, ADA, BOB, NEW], {"lists": 4, "repeated": 1}),
    ("too long", with_items(*FILLED, ("i6", 1.0, "popularity")), {"wrong_length": 1}),
    ("short without a reason", with_items(*FILLED[:2]), {"wrong_length": 1, "short": 1}),
    ("short with another reason", [("ada", FILLED[:2], "tired"), BOB, NEW], {"short": 1}),
    ("empty without a reason", with_items(), {"wrong_length": 1, "short": 1, "personal": 1}),
    # ada has seen 2 of 6 items: 3 listed ones leave one more, which a list of 3 need not hold ...
    ("full with a needless reason", [("ada", FILLED, SEEN_EVERYTHING_ELSE), BOB, NEW], {}),
    # ... but with 2 listed, two are left, so the reason is not true.
    ("short with a false reason", [("ada", FILLED[:2], SEEN_EVERYTHING_ELSE), BOB, NEW],
     {"short": 1}),
    ("duplicate", with_items(FILLED[0], FILLED[0], FILLED[2]), {"with_duplicates": 1}),
    ("seen", with_items(("i1", 0.9, "personal"), *FILLED[:2]), {"seen": 1}),
    ("both seen", with_items(("i1", 0.9, "personal"), ("i2", 0.8, "personal"), FILLED[0]),
     {"seen": 2}),
    ("not to be recommended", with_items(("gone", 0.9, "personal"), *FILLED[:2]), {"hidden": 1}),
    ("NaN", with_items(("i3", float("nan"), "personal"), *FILLED[1:]), {"with_bad_scores": 1}),
    ("infinite", with_items(("i3", float("inf"), "personal"), *FILLED[1:]),
     {"with_bad_scores": 1}),
    ("minus infinite", with_items(*FILLED[:2], ("i5", float("-inf"), "popularity")),
     {"with_bad_scores": 1}),
    ("null score", with_items(*FILLED[:2], ("i5", None, "popularity")), {"with_bad_scores": 1}),
    ("rising", with_items(("i3", 0.4, "personal"), ("i4", 0.5, "personal"), FILLED[2]),
     {"unordered": 1}),
    # Sources are not comparable: only the order within each counts.
    ("interleaved", with_items(FILLED[0], FILLED[2], FILLED[1]), {}),
    ("rising across another source",
     with_items(("i3", 0.4, "personal"), FILLED[2], ("i4", 0.5, "personal")), {"unordered": 1}),
    ("not personal", with_items(("i3", 3.0, "popularity"), ("i4", 2.0, "popularity"),
                                ("i6", 1.0, "popularity")), {"personal": 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lists", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_counts(spark: SparkSession, lists: list[List], expected: dict[str, int]) -> None:
    assert changed(count(spark, lists)) == expected


def test_a_list_may_be_short_when_all_else_was_seen(spark: SparkSession) -> None:
    # 4 of 6 items seen: 2 are a whole list.
    seen = [("eva", item) for item in ("i1", "i2", "i3", "i4")]
    items = [("i5", 0.5, "personal"), ("i6", 0.4, "personal")]
    counts = count(
        spark, [("eva", items, SEEN_EVERYTHING_ELSE)], users=[("eva", 4, 4, True)], seen=seen
    )
    assert (counts.lists, counts.short, counts.wrong_length) == (1, 0, 0)


def test_no_users_at_all(spark: SparkSession) -> None:
    assert set(asdict(count(spark, [], users=[], seen=[])).values()) == {0}
