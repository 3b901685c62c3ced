"""Which users, and which of the held-out items, are in which slice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snapshots import write_blocks

from toplists.engine.kernels.outcomes import ItemTraits, Outcomes, liked_only
from toplists.evaluation.outcome_rows import Users
from toplists.evaluation.slices import Attribute, Slices, popularity_parts, restrict, thirds

USERS = Users(
    pa.array(["a", "b", "c"]), np.array([2, 4, 9], np.int32), np.array([1, 5, 20], np.int32)
)


def outcomes_of(*targets: list[int]) -> Outcomes:
    """Held-out likings of users without lists."""
    indptr = np.cumsum([0, *map(len, targets)])
    items = np.array([item for own in targets for item in own], np.int32)
    return liked_only(np.full((len(targets), 1), -1, np.int32), indptr, items)


def traits(raters: list[int]) -> ItemTraits:
    return ItemTraits(np.array(raters), 10, np.zeros((len(raters), 0), np.float32))


@pytest.mark.parametrize(
    ("activity", "bounds"),
    [
        ([(1, 10), (2, 10), (7, 10)], (2, 7)),  # a third each
        ([(1, 20), (2, 5), (3, 5)], (2, 2)),  # most have one: nobody is in the middle
        ([(4, 9)], (5, 5)),  # all alike: all are low
        ([(1, 1), (2, 1), (3, 1), (4, 1)], (3, 4)),
        ([], (1, 1)),  # nobody
    ],
)
def test_thirds_of_activity(activity: list[tuple[int, int]], bounds: tuple[int, int]) -> None:
    assert thirds(activity) == bounds


def test_the_most_popular_items_that_make_up_a_third_are_the_head() -> None:
    # 12 likings: 4 are a third of them. One item alone is the head; the next third begins in the second.
    parts = popularity_parts(np.array([1, 4, 2, 0, 2, 3]))
    assert [("head", "middle", "tail")[part] for part in parts] == [
        *("tail", "head", "middle", "tail", "tail", "middle")
    ]


def test_what_nobody_liked_is_in_the_tail() -> None:
    assert popularity_parts(np.array([0, 0])).tolist() == [2, 2]


def test_users_by_activity() -> None:
    slices = Slices(names=("activity",), active_from=(2, 10))
    assert {name: mask.tolist() for name, mask in slices.by_user(USERS)} == {
        "activity=low": [True, False, False],
        "activity=middle": [False, True, False],
        "activity=high": [False, False, True],
    }


def test_users_by_tenure(tmp_path: Path) -> None:
    # Of 2 the first event is a day old, of 4 a year and more; that of 9 has no time; 3 is nobody's here.
    times = [datetime(2024, 5, 30), datetime(2020, 1, 1), datetime(2023, 5, 1), None]
    rows = {"user_pos": pa.array([2, 3, 4, 9], pa.int32()), "first_time": times}
    path = tmp_path / "users.parquet"
    pq.write_table(pa.table(rows), path)
    end = datetime(2024, 6, 1, tzinfo=UTC)
    slices = Slices(names=("tenure",), end=end, snapshot_users=(str(path),))
    assert {name: mask.tolist() for name, mask in slices.by_user(USERS)} == {
        "tenure=under 30 days": [True, False, False],
        "tenure=30 to 364 days": [False, False, False],
        "tenure=365 days or more": [False, True, False],
    }


def test_users_by_an_attribute(tmp_path: Path) -> None:
    # b does not say, c says what has no slice, d is not here.
    said = [("a", {"plan": "gold"}), ("b", {"town": "Ulm"}), ("c", {"plan": "tin"}), ("d", {})]
    columns = pa.schema({"user_id": pa.string(), "attributes": pa.map_(pa.string(), pa.string())})
    rows = [{"user_id": user, "attributes": list(own.items())} for user, own in said]
    path = tmp_path / "users.parquet"
    pq.write_table(pa.Table.from_pylist(rows, columns), path)
    slices = Slices(of_users=(Attribute("plan", ("gold", "silver")),), users=(str(path),))
    assert {name: mask.tolist() for name, mask in slices.by_user(USERS)} == {
        "user:plan=gold": [True, False, False],
        "user:plan=silver": [False, False, False],
    }


def test_held_out_items_by_popularity() -> None:
    slices = Slices(names=("popularity",))
    found = slices.by_item(outcomes_of([0, 1], [2]), traits([9, 0, 1]))
    assert {name: mask.tolist() for name, mask in found} == {
        "popularity=head": [True, False, False],
        "popularity=middle": [False, False, False],
        "popularity=tail": [False, True, True],
    }


def test_held_out_items_by_genre_and_by_attribute(tmp_path: Path) -> None:
    _, items = write_blocks(tmp_path, np.ones((1, 3)), ids=(["u"], ["x", "y", "z"]))
    columns = pa.schema(
        {
            "item_id": pa.string(),
            "genres": pa.list_(pa.string()),
            "attributes": pa.map_(pa.string(), pa.string()),
        }
    )
    rows = [
        {"item_id": "z", "genres": ["Drama", "War"], "attributes": [("studio", "A")]},
        {"item_id": "x", "genres": ["Drama"], "attributes": []},
        {"item_id": "gone", "genres": ["War"], "attributes": [("studio", "A")]},
    ]
    path = tmp_path / "items.parquet"
    pq.write_table(pa.Table.from_pylist(rows, columns), path)
    wanted = (Attribute("genres", ("Drama", "War")), Attribute("studio", ("A",)))
    slices = Slices(of_items=wanted, catalogue=(str(path),), items=items.blocks)
    found = slices.by_item(outcomes_of([0, 1, 2]), traits([1, 1, 1]))
    assert {name: mask.tolist() for name, mask in found} == {
        "item:genres=Drama": [True, False, True],
        "item:genres=War": [False, False, True],
        "item:studio=A": [False, False, True],
    }


def test_in_a_slice_of_items_nothing_else_was_held_out() -> None:
    outcomes = restrict(outcomes_of([0, 3], [], [1]), np.array([False, True, False]))
    assert outcomes.indptr.tolist() == [0, 1, 1, 1]
    assert outcomes.items.tolist() == [3]
    for name in ("liked", "values", "scores", "ranks"):
        assert len(getattr(outcomes, name)) == 1
