"""How two runs differ: tiny lists, compared by hand, and by a plain oracle."""

from __future__ import annotations

import random
from collections import Counter
from math import isnan

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.evaluation import run_difference
from toplists.evaluation.list_change import ListPair
from toplists.evaluation.run_difference import OVERLAP_BINS, compare_runs

BEFORE = {"ada": "abc", "bob": "abc", "cid": "abc", "old": "xyz"}
NOW = {
    "ada": "abc",  # the same
    "bob": "acb",  # the same items, two of them exchanged
    "cid": "ade",  # one of three is left
    "new": "wa",
}


def write(folder, name: str, users: dict[str, str], per_file: int = 100, placement="default"):
    """Lists whose items are letters, in row groups of two, sorted by user as all lists are."""
    item = pa.struct([("item_id", pa.string()), ("score", pa.float64())])
    kinds = [("placement", pa.string()), ("user_id", pa.string()), ("items", pa.list_(item))]
    rows = [
        {
            "placement": placement,
            "user_id": user,
            "items": [{"item_id": one, "score": 1.0} for one in items],
        }
        for user, items in sorted(users.items())
    ]
    paths = []
    for first in range(0, len(rows), per_file):
        table = pa.Table.from_pylist(rows[first : first + per_file], schema=pa.schema(kinds))
        paths.append(str(folder / f"{name}-{first}.parquet"))
        pq.write_table(table, paths[-1], row_group_size=2)
    return tuple(paths)


def pair(folder, now: dict[str, str], before: dict[str, str], per_file: int = 100) -> ListPair:
    return ListPair(write(folder, "now", now, per_file), write(folder, "before", before, per_file))


def test_users_and_items_that_changed_stayed_entered_and_left(tmp_path):
    found = compare_runs(pair(tmp_path, NOW, BEFORE), 3, "default")
    assert (found.users, found.changed, found.users_entered, found.users_left) == (3, 2, 1, 1)
    assert found.similarity == pytest.approx((1 + 1 + 1 / 5) / 3)
    assert found.overlaps[-1] == 2  # ada's and bob's
    assert sum(found.overlaps) == 3
    assert found.entered() == [("d", 1), ("e", 1), ("w", 1)]
    assert found.left() == [("x", 1), ("y", 1), ("z", 1)]
    assert found.now["a"] == 4


def test_only_the_first_places_count(tmp_path):
    found = compare_runs(pair(tmp_path, NOW, BEFORE), 1, "default")
    assert (found.users, found.changed, found.overlap) == (3, 0, pytest.approx(1.0))
    assert found.entered() == [("w", 1)]


def test_lists_of_other_placements_do_not_count(tmp_path):
    now = write(tmp_path, "now", NOW) + write(tmp_path, "home", {"zoe": "q"}, placement="home")
    found = compare_runs(ListPair(now, write(tmp_path, "before", BEFORE)), 3, "default")
    assert "q" not in found.now
    assert (found.users_entered, found.users) == (1, 3)


def test_runs_without_a_common_user_have_no_mean(tmp_path):
    found = compare_runs(pair(tmp_path, {"new": "a"}, {"old": "a"}), 3, "default")
    assert isnan(found.overlap)
    assert (found.users, sum(found.overlaps), found.users_entered, found.users_left) == (0, 0, 1, 1)


@pytest.mark.parametrize("per_file", [7, 100])
@pytest.mark.parametrize("at_once", [3, 10, 1_000])
def test_however_users_are_cut_the_whole_is_the_same(tmp_path, monkeypatch, per_file, at_once):
    chance = random.Random(per_file)

    def lists(names: list[str]) -> dict[str, str]:
        return {name: "".join(chance.sample("abcdefgh", chance.randint(0, 5))) for name in names}

    names = [f"u{number:02}" for number in range(40)]
    before, now = lists(names[:35]), lists(names[5:])
    now |= {name: before[name] for name in names[10:20]}  # some stay as they were
    monkeypatch.setattr(run_difference, "_LISTS_AT_ONCE", at_once)
    found = compare_runs(pair(tmp_path, now, before, per_file), 4, "default")

    both = [(before[name][:4], now[name][:4]) for name in names[5:35]]
    shown = [(old, new) for old, new in both if old or new]
    assert found.users == len(shown)
    assert found.changed == sum(old != new for old, new in both)
    similar = [len({*old} & {*new}) / len({*old} | {*new}) for old, new in shown]
    assert found.similarity == pytest.approx(sum(similar) / len(similar))
    assert found.now == Counter("".join(items[:4] for items in now.values()))
    assert found.before == Counter("".join(items[:4] for items in before.values()))
    assert (found.users_entered, found.users_left) == (5, 5)
    assert len(found.overlaps) == len(OVERLAP_BINS) - 1
    assert sum(found.overlaps) == found.users
