"""Saving and loading fitted models.

A shape's rows are stored under external ids, so that they outlive the positions of their run.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockSet, all_ids
from toplists.engine.lists import with_values, without_nulls
from toplists.engine.shapes import Factors, ItemWeights, Ranking, Shape
from toplists.engine.tasks import Batches, at_once, map_batches
from toplists.lake.dataset import Dataset
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.schema import Table
from toplists.lake.tables import ITEM_FACTORS, ITEM_WEIGHTS, RANKINGS, USER_FACTORS


@dataclass(frozen=True)
class Axes:
    """Who stands at which position in a snapshot.

    `users` is `[user_pos: int, user_id: string]`, `items` is `[item_pos: int, item_id: string]`;
    `item_blocks` hold the items' ids too, for tasks that need all of them.
    """

    users: DataFrame
    items: DataFrame
    item_blocks: BlockSet

    def user_names(self) -> DataFrame:
        """`[pos: int, id: string]` of the users."""
        return self.users.select(F.col("user_pos").alias("pos"), F.col("user_id").alias("id"))

    def item_names(self) -> DataFrame:
        """`[pos: int, id: string]` of the items."""
        return self.items.select(F.col("item_pos").alias("pos"), F.col("item_id").alias("id"))


def save_shape(shape: Shape, dataset: Dataset, model_id: str, axes: Axes) -> None:
    """Write the content of a model, replacing what an earlier attempt wrote for `model_id`."""

    def write(rows: DataFrame, table: Table) -> None:
        replace_part(rows, dataset, table, model_id=model_id)

    match shape:
        case Factors():
            at_once(
                lambda: write(shape.users.join(axes.user_names(), "pos"), USER_FACTORS),
                lambda: write(shape.items.join(axes.item_names(), "pos"), ITEM_FACTORS),
            )
        case ItemWeights():
            write(_name_neighbours(shape.rows, axes.item_blocks), ITEM_WEIGHTS)
        case Ranking():
            write(shape.rows.join(axes.item_names(), "pos"), RANKINGS)


def load_shape(
    spark: SparkSession, dataset: Dataset, kind: str, model_id: str, axes: Axes
) -> Shape:
    """The content of a model under the positions of `axes`; who is not in them is left out."""

    def read(table: Table) -> DataFrame:
        return read_frame(spark, dataset, table, model_id=model_id)

    users, items = axes.user_names(), axes.item_names()
    match kind:
        case Factors.kind:
            return Factors(
                users=read(USER_FACTORS).join(users, "id").select("pos", "vector"),
                items=read(ITEM_FACTORS).join(items, "id").select("pos", "vector"),
            )
        case ItemWeights.kind:
            return ItemWeights(_place_neighbours(read(ITEM_WEIGHTS), axes.item_blocks))
        case Ranking.kind:
            return Ranking(read(RANKINGS).join(items, "id").select("segment", "pos", "score"))
    raise ValueError(f"model {model_id} has an unknown shape: {kind}")


def _name_neighbours(rows: DataFrame, items: BlockSet) -> DataFrame:
    """`[pos, neighbours: array<int>, weights]` → `[id, neighbours: array<string>, weights]`.

    The names of all items are looked up where the rows are: a join would shuffle every neighbour.
    """
    blocks = items.blocks

    def name(batches: Batches) -> Batches:
        names = all_ids(blocks)
        for batch in batches:
            neighbours = batch.column("neighbours")
            yield pa.RecordBatch.from_arrays(
                [
                    names.take(batch.column("pos")),
                    with_values(neighbours, names.take(neighbours.flatten())),
                    batch.column("weights"),
                ],
                names=["id", "neighbours", "weights"],
            )

    schema = "id string, neighbours array<string>, weights array<float>"
    return map_batches(rows.select("pos", "neighbours", "weights"), name, schema)


def _place_neighbours(rows: DataFrame, items: BlockSet) -> DataFrame:
    """`[id, neighbours: array<string>, weights]` → `[pos, neighbours: array<int>, weights]`.

    Items and neighbours that are not in the snapshot are left out.
    """
    blocks = items.blocks

    def place(batches: Batches) -> Batches:
        names = all_ids(blocks)
        for batch in batches:
            positions = pc.index_in(batch.column("id"), names)
            known = batch.filter(positions.is_valid())
            neighbours = known.column("neighbours")
            placed = pc.index_in(neighbours.flatten(), names)
            kept = pa.RecordBatch.from_arrays(
                [
                    positions.drop_null(),
                    without_nulls(neighbours, placed, placed),
                    without_nulls(neighbours, placed, known.column("weights").flatten()),
                ],
                names=["pos", "neighbours", "weights"],
            )
            yield kept

    schema = "pos int, neighbours array<int>, weights array<float>"
    return map_batches(rows.select("id", "neighbours", "weights"), place, schema)
