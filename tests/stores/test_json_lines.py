"""Lines of JSON, against the standard library's."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.publish.stores.json_lines import encode_lines
from toplists.publish.stores.parts import _schema

TEXT = st.text(max_size=6)
SCORE = st.floats(allow_nan=False, allow_infinity=False)
ENTRY = st.fixed_dictionaries({"item_id": TEXT, "score": SCORE, "source": TEXT})
ROW = st.fixed_dictionaries(
    {
        "placement": TEXT,
        "user_id": TEXT,
        "items": st.lists(ENTRY, max_size=4),
        "short_reason": st.none() | TEXT,
    }
)


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([{**row, "schema_version": 1} for row in rows], _schema("user_id"))


@given(st.lists(ROW, max_size=5), st.integers(0, 2))
def test_they_are_what_json_makes_of_each_row(rows: list[dict[str, object]], first: int) -> None:
    lines = bytes(encode_lines("run 1", "user_id", table(rows).slice(first))).decode()
    # "\n" alone ends a line: texts may hold what splitlines() takes for an end.
    found = [json.loads(line) for line in lines.split("\n")[:-1]]
    assert found == [{"run_id": "run 1", **row} for row in rows[first:]]


@pytest.mark.parametrize("score", [1.0, -0.0, 1e22, 0.1, 5e-324])
def test_scores_are_numbers_with_a_fraction(score: float) -> None:
    entry = {"item_id": "i", "score": score, "source": "personal"}
    row = {"placement": "p", "user_id": "u", "items": [entry], "short_reason": None}
    (item,) = json.loads(bytes(encode_lines("r", "user_id", table([row]))))["items"]
    assert isinstance(item["score"], float)
    assert repr(item["score"]) == repr(score)
