"""The contenders of the evaluation benchmark, each in a process of its own.

    evaluation_spark.py CONTENDER FOLDER RESULT

`toplists` has 30 metrics with intervals, `mllib` six of `RankingMetrics` as its documentation shows it, and
`mllib_jvm` the same six of rows that do not pass through Python.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from evaluation_parts import Pass
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.lake.session import open_session

if TYPE_CHECKING:
    from pyspark.mllib.common import JavaModelWrapper

SIX: dict[str, tuple[str, int]] = {
    "precision@10": ("precisionAt", 10),
    "recall@10": ("recallAt", 10),
    "recall@50": ("recallAt", 50),
    "ndcg@10": ("ndcgAt", 10),
    "ndcg@50": ("ndcgAt", 50),
    "map@10": ("meanAveragePrecisionAt", 10),
}
"""Six metrics by our names, and MLlib's method and cutoff."""
# A shuffle in the tree of a plan; broadcasts and what is reused are called otherwise.
_EXCHANGE = re.compile(r"^[\s:+*|-]*Exchange\b", re.MULTILINE)
_INITIAL = "== Initial Plan =="


def by_toplists(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Ours, with the shuffles of every query that it took."""
    figures = Pass(folder).figures(spark)
    return {
        "values": {figure.metric: figure.value for figure in figures},
        "intervals": {figure.metric: (figure.low, figure.high) for figure in figures},
        "users": max(figure.users for figure in figures),
        "shuffles": [count_shuffles(plan) for plan in executed_plans(spark)],
    }


def executed_plans(spark: SparkSession) -> list[str]:
    """The physical plans of what was executed, as they were in the end."""
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    found = spark._jsparkSession.sharedState().statusStore().executionsList()
    return [found.apply(place).physicalPlanDescription() for place in range(found.size())]


def count_shuffles(plan: str) -> int:
    """Those of the tree that comes first in a plan, as it was in the end."""
    tree = plan.strip().partition("\n\n")[0]
    return len(_EXCHANGE.findall(tree.partition(_INITIAL)[0]))


def lists_and_likings(spark: SparkSession, folder: Path) -> DataFrame:
    """`[items: array<int>, likings: array<int>]` of the users who have any.

    MLlib counts a user without likings as 0, where we leave such a user out.
    """
    rows = spark.read.parquet(*Pass(folder).files)
    liked = F.transform(F.filter("targets", lambda one: one["liked"]), lambda one: one["item_pos"])
    return rows.select("items", liked.alias("likings")).where(F.size("likings") > 0)


def by_mllib(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """As documented: an RDD of pairs of lists. It is kept, as six metrics read it."""
    from pyspark.mllib.evaluation import RankingMetrics  # only who uses MLlib loads it

    pairs = lists_and_likings(spark, folder).rdd.map(lambda row: (row["items"], row["likings"]))
    return {"values": values_of(RankingMetrics(pairs.cache()))}


def by_mllib_jvm(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """The faster way, which PySpark does not offer: the rows are handed over in the JVM, and kept."""
    from pyspark.mllib.common import JavaModelWrapper, callMLlibFunc

    rows = lists_and_likings(spark, folder).persist()
    return {"values": values_of(JavaModelWrapper(callMLlibFunc("newRankingMetrics", rows._jdf)))}


def values_of(metrics: JavaModelWrapper) -> dict[str, float]:
    """The six, each a pass over the rows."""
    return {name: metrics.call(method, k) for name, (method, k) in SIX.items()}


CONTENDERS: dict[str, Callable[[SparkSession, Path], dict[str, Any]]] = {
    "toplists": by_toplists,
    "mllib": by_mllib,
    "mllib_jvm": by_mllib_jvm,
}


def main() -> None:
    """Run one, once, as a job does."""
    contender, folder, result = sys.argv[1:]
    spark = open_session(f"benchmark evaluation {contender}")
    # Since Spark 3.4 RankingMetrics warns of every user whose likings have no relevance values.
    spark.sparkContext.setLogLevel("ERROR")
    started = perf_counter()
    outcome = CONTENDERS[contender](spark, Path(folder))
    seconds = perf_counter() - started
    Path(result).write_text(json.dumps({"seconds": seconds, **outcome}))


if __name__ == "__main__":
    main()
