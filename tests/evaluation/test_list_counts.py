"""Counting defects of lists: tiny tables with one defect each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from toplists.evaluation import user_ranges
from toplists.evaluation.list_checks import ListCounts
from toplists.evaluation.list_counts import ListFiles, count_lists, count_tables
from toplists.evaluation.user_ranges import cut_users
from toplists.ranking.reasons import SEEN_EVERYTHING_ELSE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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


def tables(
    lists: list[List], users: list[tuple[str, int, int, bool]], seen: list[tuple[str, str]]
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    item = pa.struct([("item_id", pa.string()), ("score", pa.float64()), ("source", pa.string())])
    rows = [
        {
            "user_id": user,
            "items": [dict(zip(item.names, one, strict=True)) for one in items],
            "short_reason": reason,
        }
        for user, items, reason in lists
    ]
    list_columns = [
        ("user_id", pa.string()),
        ("items", pa.list_(item)),
        ("short_reason", pa.string()),
    ]
    user_columns = [
        *(("user_pos", pa.int32()), ("user_id", pa.string())),
        *(("interactions", pa.int64()), ("trained", pa.int64()), ("eligible", pa.bool_())),
    ]
    pair = [("user_id", pa.string()), ("item_id", pa.string())]
    catalogue = [("item_id", pa.string()), ("recommendable", pa.bool_())]
    items = [("gone", False), ("stopped", False), ("i3", True), ("i4", None)]
    return (
        pa.Table.from_pylist(rows, schema=pa.schema(list_columns)),
        table([(place, *user) for place, user in enumerate(users)], user_columns),
        table(seen, pair),
        table(items, catalogue),
    )


def table(rows: Sequence[tuple[Any, ...]], columns: list[tuple[str, pa.DataType]]) -> pa.Table:
    names = [name for name, _ in columns]
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=pa.schema(columns))


def count(
    lists: list[List],
    users: list[tuple[str, int, int, bool]] = USERS,
    seen: list[tuple[str, str]] = SEEN,
) -> ListCounts:
    rows, people, pairs, items = tables(lists, users, seen)
    hidden = items.filter(pc.invert(items["recommendable"]))["item_id"]
    return count_tables(rows, people, pairs, hidden, n=N, catalogue=CATALOGUE)


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
def test_counts(lists: list[List], expected: dict[str, int]) -> None:
    assert changed(count(lists)) == expected


def test_a_list_may_be_short_when_all_else_was_seen() -> None:
    # 4 of 6 items seen: 2 are a whole list.
    seen = [("eva", item) for item in ("i1", "i2", "i3", "i4")]
    items = [("i5", 0.5, "personal"), ("i6", 0.4, "personal")]
    counts = count([("eva", items, SEEN_EVERYTHING_ELSE)], users=[("eva", 4, 4, True)], seen=seen)
    assert (counts.lists, counts.short, counts.wrong_length) == (1, 0, 0)


def test_no_users_at_all() -> None:
    assert set(asdict(count([], users=[], seen=[])).values()) == {0}


def test_ranges_of_users_add_up(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_ranges, "_USERS_PER_TASK", 2)
    lists = [ADA, BOB, ("bob", POPULAR, None), ("zoe", FILLED, None)]  # zoe is no user of the run
    parts = tables(lists, USERS, SEEN)
    names = ("lists", "users", "interactions", "items")
    for name, part in zip(names, parts, strict=True):
        pq.write_table(part.slice(0, 1), tmp_path / f"{name}-0.parquet")
        pq.write_table(part.slice(1), tmp_path / f"{name}-1.parquet")
    files = ListFiles(*(tuple(str(path) for path in tmp_path.glob(f"{name}-*")) for name in names))
    ranges = cut_users(spark, files.users, len(USERS))
    assert [(one.low, one.high) for one in ranges] == [(None, "new"), ("new", None)]
    found = count_lists(spark, files, ranges, n=N, catalogue=CATALOGUE)
    assert found == count(lists)
    assert (found.missing, found.repeated, found.extra, found.seen) == (1, 1, 1, 1)
