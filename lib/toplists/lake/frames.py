"""Reads and idempotent writes of the large tables, through Spark."""

from __future__ import annotations

import json

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.failpoints import written
from toplists.lake.schema import Table


def spark_schema(table: Table) -> StructType:
    """The table's schema as Spark knows it."""
    return StructType.fromJson(json.loads(json.dumps(table.schema_json)))


def read_frame(spark: SparkSession, dataset: Dataset, table: Table, **equals: str) -> DataFrame:
    """The table, restricted to the rows in which every column of `equals` has the given value."""
    frame = spark.read.format("delta").load(dataset.path(table))
    for column, value in equals.items():
        frame = frame.where(F.col(column) == value)
    return frame


def replace_part(frame: DataFrame, dataset: Dataset, table: Table, **equals: str) -> None:
    """Make `frame` the content of one partition of `table`, in one atomic commit.

    It replaces what an earlier attempt left, so that a step can be killed at any point and run again.
    An empty partition, the usual case, is appended to: Delta needs half a second for that, and more
    than a second to replace. Nobody else writes to it meanwhile, since writers hold the lease.

    Args:
        frame: The rows; the columns of `equals` are added.
        dataset: The dataset.
        table: A table partitioned by the columns of `equals`.
        equals: The partition.
    """
    for column, value in equals.items():
        frame = frame.withColumn(column, F.lit(value))
    writer = frame.select(*table.column_names).write.format("delta")
    if partition_files(dataset, table, **equals):
        quoted = [(column, value.replace("'", "''")) for column, value in equals.items()]
        predicate = " AND ".join(f"{column} = '{value}'" for column, value in quoted)
        writer = writer.mode("overwrite").option("replaceWhere", predicate)
    else:
        writer = writer.mode("append")
    with written(f"replace {table.name}"):
        writer.save(dataset.path(table))
