"""The contenders of the top-N benchmark that run on Spark: `toplists`, `mllib`, `mllib_filtered`.

topn_spark.py CONTENDER SNAPSHOT FOLDER RESULT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from time import perf_counter
from typing import Any

from pyspark.ml.recommendation import ALSModel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from toplists.config.operation import EngineSettings
from toplists.dataset.segments import Segments
from toplists.engine.blocks import open_blocks
from toplists.engine.shapes import EVERYBODY, Ranking, open_shape
from toplists.engine.table_files import replace_part_by_tasks
from toplists.lake.dataset import Dataset
from toplists.lake.session import open_session
from toplists.lake.tables import RECOMMENDATIONS
from toplists.ranking.fallback import Fallback
from toplists.ranking.lists import personal_lists

N = 10
OVER_FETCH = 100
ROUNDS = 2
_PARTITIONS = 4  # two per core


def timed(action: Callable[[], Any]) -> float:
    """Seconds that it takes."""
    started = perf_counter()
    action()
    return round(perf_counter() - started, 2)


def discard(rows: DataFrame) -> None:
    """Compute every row and keep none."""
    rows.write.format("noop").mode("overwrite").save()


def by_toplists(spark: SparkSession, _: Path, folder: Path) -> dict[str, Any]:
    """Lists without what was seen, written to Delta."""
    users, items = open_blocks(folder / "blocks", "users"), open_blocks(folder / "blocks", "items")
    model, popularity = open_shape(folder / "als"), open_shape(folder / "popularity")
    assert users is not None
    assert items is not None
    assert model is not None
    assert isinstance(popularity, Ranking)
    fallback = Fallback((("popularity", popularity),), Segments((EVERYBODY,), ()))
    rmtree(folder / "lake", ignore_errors=True)
    dataset = Dataset(folder / "lake" / "topn")
    dataset.create_tables()

    tile_bytes = EngineSettings().tile_bytes
    lists = personal_lists(users, items, model, fallback, N, tile_bytes, "personal")

    def write(number: int) -> None:
        replace_part_by_tasks(spark, lists, dataset, RECOMMENDATIONS, run_id=f"r{number}")

    return {
        "seconds": [timed(lambda number=number: write(number)) for number in range(ROUNDS)],
        "not_written": [timed(lambda: discard(lists.frame(spark))) for _ in range(ROUNDS)],
    }


def mllib_model(spark: SparkSession, folder: Path) -> ALSModel:
    """MLlib's model with the same factors, which it keeps in memory as after a fit."""
    sides = []
    for side in ("users", "items"):
        factors = spark.read.parquet(str(folder / "mllib" / side)).repartition(_PARTITIONS, "id")
        factors.persist().count()
        sides.append(factors)
    rank = len(sides[1].first()["features"])
    java = spark.sparkContext._jvm.org.apache.spark.ml.recommendation.ALSModel
    fitted = java("als", rank, *(factors._jdf for factors in sides))
    model = ALSModel(fitted.setUserCol("user").setItemCol("item"))
    # Compiles what the measured call runs.
    some = spark.range(2_000).select(F.col("id").cast("int").alias("user"))
    discard(model.recommendForUserSubset(some, N))
    return model


def by_mllib(spark: SparkSession, _: Path, folder: Path) -> dict[str, Any]:
    """All items, seen or not; nothing is written."""
    model = mllib_model(spark, folder)
    return {
        "seconds": [timed(lambda: discard(model.recommendForAllUsers(N))) for _ in range(ROUNDS)]
    }


def by_mllib_filtered(spark: SparkSession, snapshot: Path, folder: Path) -> dict[str, Any]:
    """What people write: fetch more, take away what was seen by an anti-join, keep the first."""
    model = mllib_model(spark, folder)
    seen = spark.read.parquet(str(snapshot / "interactions-*.parquet"))
    seen = seen.select("user_pos", "item_pos").persist()
    seen.count()

    def write() -> None:
        pairs = model.recommendForAllUsers(OVER_FETCH).select(
            F.col("user").alias("user_pos"), F.explode("recommendations").alias("one")
        )
        pairs = pairs.select(
            "user_pos", F.col("one.item").alias("item_pos"), F.col("one.rating").alias("score")
        )
        order = Window.partitionBy("user_pos").orderBy(F.col("score").desc(), "item_pos")
        left = pairs.join(seen, ["user_pos", "item_pos"], "left_anti")
        best = left.withColumn("place", F.row_number().over(order)).where(F.col("place") <= N)
        best.write.mode("overwrite").parquet(str(folder / "mllib" / "lists"))

    return {"seconds": [timed(write) for _ in range(ROUNDS)]}


CONTENDERS = {
    "toplists": by_toplists,
    "mllib": by_mllib,
    "mllib_filtered": by_mllib_filtered,
}


if __name__ == "__main__":
    contender, snapshot, folder, result = sys.argv[1:]
    session = open_session(f"benchmark topn {contender}")
    outcome = CONTENDERS[contender](session, Path(snapshot), Path(folder))
    Path(result).write_text(json.dumps(outcome))
