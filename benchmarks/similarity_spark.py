"""The contenders of the similarity benchmark that run on Spark: `sql` and `mllib`.

similarity_spark.py CONTENDER FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.mllib.common import callMLlibFunc
from pyspark.mllib.linalg import SparseVector, VectorUDT
from pyspark.mllib.linalg.distributed import RowMatrix
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

K = 100
_PARTITIONS = 8


def main() -> None:
    """All items once; what they read is in memory before, every row is computed, none is kept."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    indptr, indices, data = (np.load(folder / f"{n}.npy") for n in ("indptr", "indices", "data"))
    ratings = folder / "ratings.parquet"
    users = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    columns = {"user": users, "item": indices.astype(np.int32), "value": data.astype(np.float64)}
    pq.write_table(pa.table(columns), ratings, row_group_size=100_000)
    with SparkSession.builder.config(
        "spark.sql.shuffle.partitions", _PARTITIONS
    ).getOrCreate() as spark:
        rows = spark.read.parquet(str(ratings)).repartition(_PARTITIONS, "user")
        given = (rows if name == "sql" else as_vectors(spark, rows)).persist()
        given.count()
        started = perf_counter()
        pairs = by_sql(given) if name == "sql" else by_mllib(given, int(indices.max()) + 1)
        order = Window.partitionBy("item").orderBy(F.desc("similarity"), "other")
        best = pairs.withColumn("place", F.row_number().over(order)).where(F.col("place") <= K)
        best.write.format("noop").mode("overwrite").save()
        seconds = round(perf_counter() - started, 2)
    (folder / f"{name}.json").write_text(json.dumps({"seconds": [seconds]}))


def by_sql(rows: DataFrame) -> DataFrame:
    """`[item, other, similarity]` by a self-join on the user."""
    norms = rows.groupBy("item").agg(F.sqrt(F.sum(F.col("value") ** 2)).alias("norm"))
    normed = rows.join(norms, "item").withColumn("value", F.col("value") / F.col("norm"))
    left = normed.select("user", "item", "value")
    right = normed.select(
        "user", F.col("item").alias("other"), F.col("value").alias("others_value")
    )
    pairs = left.join(right, "user").where(F.col("item") != F.col("other"))
    return pairs.groupBy("item", "other").agg(
        F.sum(F.col("value") * F.col("others_value")).alias("similarity")
    )


def as_vectors(spark: SparkSession, rows: DataFrame) -> DataFrame:
    """Each user's ratings as the vectors that MLlib takes."""
    lists = rows.groupBy("user").agg(F.array_sort(F.collect_list(F.struct("item", "value"))))
    n_items = int(rows.agg(F.max("item")).first()[0]) + 1  # type: ignore[index]  # there are rows
    vectors = lists.rdd.map(
        lambda row: (SparseVector(n_items, [(one.item, one.value) for one in row[1]]),)
    )
    return spark.createDataFrame(vectors, StructType([StructField("vector", VectorUDT())]))


def by_mllib(vectors: DataFrame, n_items: int) -> DataFrame:
    """The same by MLlib, which gives each pair once; its pairs stay in the JVM."""
    similarities = RowMatrix(vectors, numCols=n_items).columnSimilarities()
    java_matrix = similarities._java_matrix_wrapper._java_model
    found = callMLlibFunc("getMatrixEntries", java_matrix)
    found = found.select(
        F.col("i").alias("item"), F.col("j").alias("other"), F.col("value").alias("similarity")
    )
    return found.union(found.select("other", "item", "similarity"))


if __name__ == "__main__":
    main()
