"""Published lists as DataFrames: personal lists, similar items, popular items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockRef, BlockSet, all_ids
from toplists.engine.exchange import StagedShape
from toplists.engine.tasks import run_tasks
from toplists.ranking.reasons import FEW_ITEMS, FEW_NEIGHBOURS, SEEN_EVERYTHING_ELSE
from toplists.ranking.scoring import SOURCES, ListTile, list_tiles

PLACEMENT = "default"
SCHEMA_VERSION = 1

_ITEMS = "array<struct<item_id: string, score: double, source: string>>"


def personal_lists(
    spark: SparkSession,
    users: BlockSet,
    items: BlockSet,
    model: StagedShape,
    fallback: StagedShape,
    n: int,
) -> DataFrame:
    """One list for every user whose block flag says so, everything seen left out.

    Args:
        spark: The session.
        users: User blocks; their flag says who gets a list.
        items: Item blocks, for the items' ids.
        model: Who scores first.
        fallback: The ranking that fills short lists.
        n: Length of the lists.

    Returns:
        `[user_id: string, items: array<struct<item_id, score, source>>, short_reason: string]`; one
        partition per block, in order of user id.
    """
    item_blocks = items.blocks

    def score(ref: BlockRef) -> Iterator[pa.RecordBatch]:
        block = ref.open()
        item_ids = all_ids(item_blocks)
        lists = list_tiles(block, model, fallback, part="all", n=n, wanted=block.flags)
        for tile in lists:
            yield _to_arrow(tile, block.ids, item_ids, n)

    schema = f"user_id string, items {_ITEMS}, short_reason string"
    return run_tasks(spark, users.blocks, score, schema)


def _to_arrow(
    tile: ListTile, user_ids: pa.StringArray, item_ids: pa.StringArray, n: int
) -> pa.RecordBatch:
    listed = tile.items >= 0
    lengths = np.count_nonzero(listed, axis=1)
    by_model = np.arange(tile.items.shape[1])[None, :] < tile.personal[:, None]
    sources = pa.DictionaryArray.from_arrays(
        np.where(by_model, 0, 1)[listed].astype(np.int8), pa.array(SOURCES)
    )
    entries = pa.StructArray.from_arrays(
        [
            item_ids.take(pa.array(tile.items[listed])),
            pa.array(tile.scores[listed]),
            sources.cast(pa.string()),
        ],
        names=["item_id", "score", "source"],
    )
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    short = pc.if_else(pa.array(lengths < n), SEEN_EVERYTHING_ELSE, pa.scalar(None, pa.string()))
    return pa.RecordBatch.from_arrays(
        [user_ids.take(pa.array(tile.rows)), pa.ListArray.from_arrays(offsets, entries), short],
        names=["user_id", "items", "short_reason"],
    )


def similar_lists(weights: DataFrame, items: DataFrame, n: int) -> DataFrame:
    """For every item of the snapshot, the items most like it.

    Args:
        weights: `[id: string, neighbours: array<string>, weights: array<float>]`, best first.
        items: `[item_id: string]`, all items of the run.
        n: Length of the lists.

    Returns:
        `[item_id: string, items: array<struct<item_id, score, source>>, short_reason: string]`.
    """
    listed = F.expr(
        f"""slice(zip_with(coalesce(neighbours, array()), coalesce(weights, array()),
            (item, score) -> named_struct(
                'item_id', item, 'score', cast(score as double), 'source', 'similar')), 1, {n})"""
    )
    return (
        items.select("item_id")
        .join(weights, F.col("item_id") == F.col("id"), "left")
        .select("item_id", listed.alias("items"))
        .withColumn("short_reason", F.expr(f"if(size(items) < {n}, '{FEW_NEIGHBOURS}', null)"))
    )


def popular_list(ranking: DataFrame, n: int) -> DataFrame:
    """The list for those of whom nothing is known.

    Args:
        ranking: `[segment: string, id: string, score: double]`.
        n: Length of the list.

    Returns:
        `[segment: string, items: array<struct<item_id, score, source>>, short_reason: string]`.
    """
    best = (
        ranking.where(F.col("segment") == "all")
        .orderBy(F.col("score").desc(), "id")
        .limit(n)
        .select(
            "segment",
            F.expr("named_struct('order', -score, 'item_id', id, 'score', score)").alias("e"),
        )
    )
    items = F.expr(
        """transform(sort_array(collect_list(e)), e -> named_struct(
            'item_id', e.item_id, 'score', e.score, 'source', 'popularity'))"""
    )
    return (
        best.groupBy("segment")
        .agg(items.alias("items"))
        .withColumn("short_reason", F.expr(f"if(size(items) < {n}, '{FEW_ITEMS}', null)"))
    )


def published(lists: DataFrame) -> DataFrame:
    """Add the columns that every published table carries."""
    return lists.withColumns(
        {"placement": F.lit(PLACEMENT), "schema_version": F.lit(SCHEMA_VERSION)}
    )
