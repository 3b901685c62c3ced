"""How much lists changed: tiny lists, compared by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.config.gate_rules import ChurnRule
from toplists.evaluation.churn import compare_tables, measure_churn
from toplists.evaluation.list_change import ListPair
from toplists.evaluation.user_ranges import EVERYBODY, UserRange

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BEFORE = {"ada": "abc", "bob": "abc", "cid": "abc", "old": "xyz"}
NOW = {
    "ada": "abc",  # the same
    "bob": "acb",  # the same items, two of them exchanged
    "cid": "ade",  # one of three is left
    "new": "w",
}
RULES = (
    ChurnRule(rule="churn", k=3, below=0.5),
    ChurnRule(rule="churn", k=2, below=1.0),
    ChurnRule(rule="churn", similarity="rbo", k=3, below=1.0),
)


def lists(users: dict[str, str]) -> pa.Table:
    """Lists whose items are letters."""
    item = pa.struct([("item_id", pa.string()), ("score", pa.float64())])
    rows = [
        {"user_id": user, "items": [{"item_id": one, "score": 1.0} for one in items]}
        for user, items in users.items()
    ]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([("user_id", pa.string()), ("items", pa.list_(item))])
    )


def test_users_in_both_runs_are_compared_and_the_others_counted() -> None:
    sums = compare_tables(lists(NOW), lists(BEFORE), RULES)
    assert (sums["compared"], sums["users_entered"], sums["users_left"]) == (3, 1, 1)
    # cid: 1 of 5. Its lists have three places, so that the first ten are all of them.
    assert sums["jaccard@3"] == pytest.approx(1 + 1 + 1 / 5)
    assert sums["jaccard@10"] == pytest.approx(sums["jaccard@3"])
    # Of the first two places bob shares one of three, and so does cid.
    assert sums["jaccard@2"] == pytest.approx(1 + 1 / 3 + 1 / 3)
    assert (sums["jaccard@3<0.5"], sums["jaccard@2<1"], sums["rbo@3<1"]) == (1, 2, 2)


def test_empty_lists_and_no_lists_at_all() -> None:
    # Nothing can be said of ada, who was never shown anything.
    sums = compare_tables(lists({"ada": "", "bob": ""}), lists({"ada": "", "bob": "a"}), RULES)
    assert (sums["compared"], sums["jaccard@10"], sums["rbo@10"]) == (1, 0.0, 0.0)
    assert sums["jaccard@3<0.5"] == 1
    nobody = compare_tables(lists({}), lists({}), RULES)
    assert set(nobody.values()) == {0}


def test_ranges_add_up(spark: SparkSession, tmp_path: Path) -> None:
    for name, users in (("now", NOW), ("before", BEFORE)):
        pq.write_table(lists(users), tmp_path / f"{name}.parquet")
    files = ListPair((str(tmp_path / "now.parquet"),), (str(tmp_path / "before.parquet"),))
    whole = measure_churn(spark, files, [EVERYBODY], RULES)
    parts = measure_churn(
        spark, files, [UserRange(None, "bob"), UserRange("bob", "new"), UserRange("new")], RULES
    )
    assert {one.metric: one.value for one in parts} == pytest.approx(
        {one.metric: one.value for one in whole}
    )
    found = {one.metric: one.value for one in whole}
    assert found["jaccard@3"] == pytest.approx(2.2 / 3)
    assert found["jaccard@3<0.5"] == pytest.approx(1 / 3)
    # Shown now and not before: d, e and w; before only: x, y, z.
    assert (found["items_entered"], found["items_left"]) == (3, 3)
    assert (found["users_entered"], found["users_left"]) == (1, 1)
    assert {(one.subject, one.versus, one.users) for one in whole} == {("lists", "live", 3)}
