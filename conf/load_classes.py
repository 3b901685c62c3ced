"""A little of all that a nightly does, so that the classes it needs are loaded and can be archived."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from toplists.lake.session import open_session


def _pass_on(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


def load_classes(spark: SparkSession, folder: Path) -> None:
    """Read files, write, merge and read tables, aggregate, join, fit, and run Python tasks."""
    text = folder / "ratings.csv"
    text.write_text("user,item,value\n" + "".join(f"{n % 7},{n % 11},{n}\n" for n in range(50)))
    spark.read.text(str(text)).count()
    ratings = spark.read.csv(str(text), header=True, schema="user INT, item INT, value FLOAT")
    newest = F.row_number().over(Window.partitionBy("user").orderBy(F.desc("value"), "item"))
    table, plain = str(folder / "table"), str(folder / "plain")
    ranked = ratings.withColumn("rank", newest)
    ranked.write.format("delta").partitionBy("user").save(table)
    part = ranked.where("user = 3")
    part.write.format("delta").mode("overwrite").option("replaceWhere", "user = 3").save(table)
    merge = DeltaTable.forPath(spark, table).alias("t").merge(part.alias("s"), "t.item = s.item")
    merge.whenNotMatchedInsertAll().execute()
    spark.read.format("delta").load(table).write.parquet(plain)
    sums = spark.read.parquet(plain).groupBy("item").agg(F.sum("value"), F.collect_list("user"))
    ratings.join(sums, "item").mapInArrow(
        _pass_on, "item INT, user INT, value FLOAT, s DOUBLE, l ARRAY<INT>"
    ).count()
    model = ALS(
        rank=2, maxIter=1, implicitPrefs=True, userCol="user", itemCol="item", ratingCol="value"
    ).fit(ratings)
    model.userFactors.write.parquet(str(folder / "factors"))


def main() -> None:
    """Do it in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        load_classes(open_session("load classes"), Path(folder))


if __name__ == "__main__":
    main()
