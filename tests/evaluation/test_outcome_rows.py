"""Rows of users, and the outcomes that are read back from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from toplists.engine.kernels.outcomes import Outcomes
from toplists.evaluation.outcome_rows import READ_BACK, Read, Users, to_rows

# Of the first user, two items are held out: a liking with a value, and a value that cannot be scored.
# The second has no list, and a liking without a value; the third nothing at all.
USERS = Users(
    pa.array(["a", "b", "c"]), np.array([3, 5, 6], np.int32), np.array([2, 1, 0], np.int32)
)
OUTCOMES = Outcomes(
    lists=np.array([[4, 1, -1], [-1, -1, -1], [2, -1, -1]], np.int32),
    indptr=np.array([0, 2, 3, 3]),
    items=np.array([1, 7, 2], np.int32),
    liked=np.array([True, False, True]),
    values=np.array([4.5, 1.0, np.nan], np.float32),
    scores=np.array([3.25, np.nan, 0.5]),
    ranks=np.array([2, 0, 9]),
    candidates=np.array([10, 11, 12]),
    personal=np.array([1, 0, 1]),
    scored=np.array([8, 9, 0]),
)
VALUES = {"hit_rate@2": np.array([1.0, 0.0, np.nan]), "rmse": np.array([1.25, np.nan, np.nan])}


def test_a_row_says_what_came_of_a_user() -> None:
    first, second, third = to_rows(USERS, OUTCOMES, VALUES).to_pylist()
    assert (first["user_id"], first["user_pos"], first["trained"]) == ("a", 3, 2)
    assert (first["items"], first["personal"], first["candidates"]) == ([4, 1], 1, 10)
    assert first["targets"] == [
        {"item_pos": 1, "liked": True, "value": 4.5, "score": 3.25, "rank": 2},
        {"item_pos": 7, "liked": False, "value": 1.0, "score": None, "rank": 0},
    ]
    assert first["values"] == [("hit_rate@2", 1.0), ("rmse", 1.25)]
    assert second["items"] == []
    assert second["targets"][0]["value"] is None
    assert second["values"] == [("hit_rate@2", 0.0)]  # has no value to be predicted
    assert (third["targets"], third["values"]) == ([], [])


def test_outcomes_are_read_back() -> None:
    rows = pa.Table.from_batches([to_rows(USERS, OUTCOMES, VALUES)]).select(READ_BACK)
    users, outcomes = Read.of(rows, depth=3)
    assert users.ids.to_pylist() == ["a", "b", "c"]
    for name in ("positions", "trained"):
        np.testing.assert_array_equal(getattr(users, name), getattr(USERS, name))
    for name in Outcomes._fields:
        if name != "history":
            np.testing.assert_array_equal(getattr(outcomes, name), getattr(OUTCOMES, name))


def test_lists_are_as_deep_as_is_asked_for() -> None:
    rows = pa.Table.from_batches([to_rows(USERS, OUTCOMES, {})])
    assert Read.of(rows, depth=5).outcomes.lists.tolist() == [
        [4, 1, -1, -1, -1],
        [-1] * 5,
        [2, -1, -1, -1, -1],
    ]


def test_rows_say_how_many_are_scored() -> None:
    with pytest.raises(ValueError, match="how many candidates have a score"):
        to_rows(USERS, OUTCOMES._replace(scored=None), {})
