"""Counts over the lists of a run, in one Spark action.

Plain column expressions over the tables as they were written: a second opinion on the scoring pass,
not a repetition of it.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from toplists.evaluation.list_checks import ListCounts
from toplists.ranking.reasons import SEEN_EVERYTHING_ELSE

_PERSONAL = "personal"

# Defects that are counted list by list.
_DEFECTS = ("wrong_length", "short", "with_duplicates", "with_bad_scores", "unordered")


def count_lists(
    recommendations: DataFrame,
    users: DataFrame,
    interactions: DataFrame,
    hidden: DataFrame,
    *,
    n: int,
    catalogue: int,
) -> ListCounts:
    """Count what is wrong with the lists of a run, one placement at a time.

    Args:
        recommendations: `[user_id: string, items: array<struct<item_id: string, score: double,
            source: string>>, short_reason: string]`, the lists.
        users: `[user_id: string, interactions: long, trained: long, eligible: boolean]`, every user
            of the run once.
        interactions: `[user_id: string, item_id: string]`, everything seen, each pair once.
        hidden: `[item_id: string]`, items that may not be recommended, each once.
        n: Length that lists should have; a short list has a reason.
        catalogue: Items that can be recommended to a user who has seen none of them. A list may be
            short because its user has seen the rest only if that leaves so few: the reason alone is
            not believed.
    """
    per_user = _per_user(recommendations, users, n=n, catalogue=catalogue)
    totals = per_user.agg(
        _sum("lists"),
        F.count_if("eligible").alias("eligible"),
        F.count_if(F.col("eligible") & (F.col("lists") == 0)).alias("missing"),
        F.count_if(~F.col("eligible") & (F.col("lists") > 0)).alias("extra"),
        F.count_if(F.col("lists") > 1).alias("repeated"),
        *(_sum(name) for name in _DEFECTS),
        F.count_if(F.col("eligible") & F.col("trained")).alias("trained"),
        F.count_if(F.col("eligible") & F.col("trained") & F.col("personal")).alias("personal"),
    )
    # One row each: the cross join only makes both counts one action.
    others = _seen(recommendations, interactions).crossJoin(_hidden(recommendations, hidden))
    row = totals.crossJoin(others).first()
    if row is None:
        raise RuntimeError("an aggregate without groups returned no row")
    return ListCounts(**row.asDict())


def _per_user(recommendations: DataFrame, users: DataFrame, *, n: int, catalogue: int) -> DataFrame:
    """Every user who has a list or should have one.

    Returns:
        `[user_id: string, eligible, trained, personal: boolean, lists: long, <defect>: long, ...]`,
        the numbers being counts of that user's lists.
    """
    expected = users.select(
        "user_id", "eligible", "interactions", (F.col("trained") > 0).alias("trained")
    )
    # Grouping a union is an outer join that also counts repetitions, in one shuffle.
    both = _per_list(recommendations, n).unionByName(expected, allowMissingColumns=True)
    per_user = both.groupBy("user_id").agg(
        *(
            F.coalesce(F.bool_or(name), F.lit(False)).alias(name)
            for name in ("eligible", "trained", "personal")
        ),
        *(_sum(name) for name in ("lists", *_DEFECTS, "interactions")),
        F.min("size_if_all_seen").alias("size_if_all_seen"),
    )
    all_seen = F.col("size_if_all_seen") + F.col("interactions") >= catalogue
    return per_user.withColumn("short", F.when(all_seen, 0).otherwise(F.col("short")))


def _per_list(recommendations: DataFrame, n: int) -> DataFrame:
    """One row per list: 1 in the column of each defect it has, else null."""
    size = F.coalesce(F.size("items"), F.lit(0))
    claims_all_seen = F.col("short_reason") == SEEN_EVERYTHING_ELSE
    return recommendations.select(
        "user_id",
        F.lit(1).alias("lists"),
        _one_if((size > n) | ((size < n) & F.col("short_reason").isNull())).alias("wrong_length"),
        _one_if(size < n).alias("short"),
        F.when(claims_all_seen, size).alias("size_if_all_seen"),
        _one_if(F.size(F.array_distinct("items.item_id")) < size).alias("with_duplicates"),
        _one_if(F.exists("items", _has_bad_score)).alias("with_bad_scores"),
        _one_if(F.exists(F.array_distinct("items.source"), _is_unordered)).alias("unordered"),
        F.exists("items", lambda item: item["source"] == _PERSONAL).alias("personal"),
    )


def _has_bad_score(item: Column) -> Column:
    score = item["score"]
    return score.isNull() | F.isnan(score) | (F.abs(score) == float("inf"))


def _is_unordered(source: Column) -> Column:
    """Whether the scores of one source's items ever rise in the list."""
    of_source = F.filter("items", lambda item: item["source"] == source)
    scores = F.transform(of_source, lambda item: item["score"])
    return scores != F.sort_array(scores, asc=False)


def _seen(recommendations: DataFrame, interactions: DataFrame) -> DataFrame:
    """`[seen: long]`, one row: listed items that their user has interacted with."""
    listed = recommendations.select("user_id", F.col("items.item_id").alias("listed"))
    # Joined by user alone: a list stays one row, and nothing is sorted by item.
    return (
        interactions.select("user_id", "item_id")
        .join(listed, "user_id")
        .where(F.array_contains("listed", F.col("item_id")))
        .agg(F.count(F.lit(1)).alias("seen"))
    )


def _hidden(recommendations: DataFrame, hidden: DataFrame) -> DataFrame:
    """`[hidden: long]`, one row: listed items that may not be recommended."""
    listed = recommendations.select(F.explode("items.item_id").alias("item_id"))
    return listed.join(hidden, "item_id", "left_semi").agg(F.count(F.lit(1)).alias("hidden"))


def _one_if(condition: Column) -> Column:
    return F.when(condition, 1)


def _sum(name: str) -> Column:
    """The sum of a column, 0 where there is nothing to sum."""
    return F.coalesce(F.sum(name), F.lit(0)).alias(name)
