"""Positions: 0 … n-1 in bytewise order of the id.

They depend on the set of ids alone, not on partitions, load order or an index that grows for ever.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

IDS_PER_BUCKET = 500_000
_SAMPLES_PER_BUCKET = 64


def add_positions(rows: DataFrame, id_column: str, position: str, size: int) -> DataFrame:
    """Number the rows by the bytewise order of their id.

    Ids fall into buckets of consecutive ids, cut at sampled ids; inside a bucket they are ranked, and
    the sizes of the buckets before it are added. No window spans the whole column.

    Args:
        rows: `[<id_column>: string, …]`, each id once.
        id_column: The column with the id.
        position: Name of the new column, int from 0.
        size: Number of rows.
    """
    bounds = _bounds(rows, id_column, max(1, -(-size // IDS_PER_BUCKET)), size)
    if bounds:
        reached = F.filter(F.array(*map(F.lit, bounds)), lambda b: b <= F.col(id_column))
        bucket = F.array_size(reached)
    else:
        # Few enough for one task: bucket 0, in words that the planner does not fold into a literal.
        bucket = F.least(F.length(id_column), F.lit(0))
    placed = rows.withColumn("bucket", bucket)
    rank = F.row_number().over(W.partitionBy("bucket").orderBy(id_column)) - 1
    if not bounds:
        return placed.withColumn(position, rank.cast("int")).drop("bucket")
    sizes = {int(b): int(n) for b, n in placed.groupBy("bucket").count().collect()}
    offsets, total = [], 0
    for index in range(len(bounds) + 1):
        offsets.append(total)
        total += sizes.get(index, 0)
    offset = F.element_at(F.array(*map(F.lit, offsets)), F.col("bucket") + 1)
    return placed.withColumn(position, (rank + offset).cast("int")).drop("bucket")


def _bounds(rows: DataFrame, id_column: str, buckets: int, size: int) -> list[str]:
    """Ids at which to cut into about equal buckets, from a sample chosen by hash."""
    if buckets == 1:
        return []
    every = max(1, size // (buckets * _SAMPLES_PER_BUCKET))
    sample = rows.where(F.pmod(F.xxhash64(id_column), F.lit(every)) == 0).select(id_column)
    ids = sorted((row[0] for row in sample.collect()), key=lambda text: text.encode())
    step = len(ids) / buckets
    return (
        sorted({ids[int(step * index)] for index in range(1, buckets)}, key=str.encode)
        if ids
        else []
    )
