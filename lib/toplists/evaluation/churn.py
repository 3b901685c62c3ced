"""How much the lists of a run differ from those that are live, user by user and as a whole.

All lists of both runs are looked at, so that the figures are counted, not estimated: they have no
interval. Users with a list in one of the runs only are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import nan

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from toplists.config.gate_rules import ChurnRule
from toplists.engine.tasks import run_tasks
from toplists.evaluation.comparison import LISTS, LIVE, Figure
from toplists.evaluation.list_change import ListPair, compare_lists, listed_items
from toplists.evaluation.user_ranges import UserRange, read_columns

MEASURED = ("jaccard@10", "rbo@10")
"""What is measured of lists whatever the rules ask for."""
_PLACES = 10

_SCHEMA = "name string, value double, item_id string, now boolean, before boolean"


def measure_churn(
    spark: SparkSession, files: ListPair, ranges: Sequence[UserRange], rules: Sequence[ChurnRule]
) -> list[Figure]:
    """Compare the lists of a run with the live ones.

    Args:
        spark: The session.
        files: Where they lie.
        ranges: Of users, all together; a task looks at each.
        rules: What is asked for beside the similarity of the first ten places.

    Returns:
        Mean similarity of the lists of users who have one in both runs, under names such as `jaccard@10`;
        share of these users whose list is less similar than each rule allows; and how many users and items
        (in anybody's list) entered and left. None where no user has a list in both.
    """

    def compare(within: UserRange) -> Iterator[pa.RecordBatch]:
        columns = ["user_id", "items"]
        now, before = (read_columns(part, columns, within) for part in (files.now, files.before))
        yield from _rows(now, before, rules)

    rows = run_tasks(spark, ranges, compare, _SCHEMA).persist()
    try:
        sums: Counter[str] = Counter()
        for row in rows.where(F.col("name").isNotNull()).collect():
            sums[row["name"]] += row["value"]
        items = (
            rows.where(F.col("name").isNull())
            .groupBy("item_id")
            .agg(F.bool_or("now").alias("now"), F.bool_or("before").alias("before"))
            .agg(
                F.count_if(F.col("now") & ~F.col("before")).alias("items_entered"),
                F.count_if(~F.col("now") & F.col("before")).alias("items_left"),
            )
            .collect()
        )
    finally:
        rows.unpersist()
    return _figures(sums, items[0].asDict())


def _rows(now: pa.Table, before: pa.Table, rules: Sequence[ChurnRule]) -> Iterator[pa.RecordBatch]:
    """Sums of a range of users by name, then the items in their lists by id."""
    sums = compare_tables(now, before, rules)
    yield _batch(name=pa.array(sums), value=pa.array(map(float, sums.values())))
    listed = [listed_items(lists) for lists in (now, before)]
    items = pa.chunked_array(
        [chunk for ids in listed for chunk in ids.chunks], pa.string()
    ).unique()
    yield _batch(
        item_id=items,
        now=pc.is_in(items, value_set=listed[0].combine_chunks()),
        before=pc.is_in(items, value_set=listed[1].combine_chunks()),
    )


def _batch(**columns: pa.Array) -> pa.RecordBatch:
    """Rows of `_SCHEMA`, in which the other columns are null."""
    count = len(next(iter(columns.values())))
    types = [("name", pa.string()), ("value", pa.float64()), ("item_id", pa.string())]
    schema = pa.schema([*types, ("now", pa.bool_()), ("before", pa.bool_())])
    filled = [columns.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.RecordBatch.from_arrays(filled, schema=schema)


def compare_tables(now: pa.Table, before: pa.Table, rules: Sequence[ChurnRule]) -> dict[str, float]:
    """Compare the lists of some users.

    Args:
        now: `[user_id: string, items: list<struct<item_id: string, …>>]`, all lists of these users in
            the run.
        before: The same of the live run.
        rules: What is asked for beside the similarity of the first ten places.

    Returns:
        `compared` counts users with a list in both, `users_entered` and `users_left` those with one; the
        others are sums over the users compared, by the names of the figures.
    """
    asked = dict.fromkeys([*MEASURED, *(rule.similarity_at_k for rule in rules)])
    depth = max([_PLACES, *(rule.k for rule in rules)])
    change = compare_lists(now, before, list(asked), depth)
    measured = change.measured
    sums: dict[str, float] = {
        "compared": float(measured[MEASURED[0]].denominators.sum()),
        "users_entered": change.users_entered,
        "users_left": change.users_left,
    }
    for name, (similarities, _) in measured.items():
        sums[name] = float(similarities.sum())
    for rule in rules:
        similarities, counted = measured[rule.similarity_at_k]
        sums[rule.figure] = int(((similarities < rule.below) & (counted > 0)).sum())
    return sums


def _figures(sums: Mapping[str, float], items: Mapping[str, int]) -> list[Figure]:
    """The sums over all users as figures; none where no user is in both."""
    users = int(sums["compared"])
    if not users:
        return []
    counted = {"users_entered": sums["users_entered"], "users_left": sums["users_left"], **items}
    means = {
        name: value / users for name, value in sums.items() if name not in {*counted, "compared"}
    }
    return [
        Figure(LISTS, name, LIVE, float(value), nan, nan, users)
        for name, value in {**means, **counted}.items()
    ]
