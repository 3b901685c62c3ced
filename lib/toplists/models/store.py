"""Saving and loading fitted models.

A shape's rows are stored under external ids, so that they outlive the positions of their run and the
files of its work folder. Both ways are Python tasks, one per block: blocks carry the ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, all_ids, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.lists import lists_of
from toplists.engine.shapes import (
    EVERYBODY,
    NEIGHBOURS,
    Factors,
    InexactFactors,
    ItemWeights,
    Mixture,
    Ranking,
    RatedNeighbours,
    Shape,
    Transitions,
    UserWeights,
    open_vectors,
)
from toplists.engine.storage import Arrays, open_array
from toplists.engine.table_files import replace_part_by_tasks
from toplists.engine.tasks import T, Tasks, at_once
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.schema import Table
from toplists.lake.tables import (
    ITEM_FACTORS,
    ITEM_WEIGHTS,
    MIXTURES,
    RANKINGS,
    RATED_NEIGHBOURS,
    USER_FACTORS,
    USER_WEIGHTS,
)
from toplists.models.store_mixture import member_id, member_rows, read_members
from toplists.models.store_rated import place_rated, rated_rows
from toplists.models.store_users import place_histories, place_users, user_rows
from toplists.models.stored_rows import (
    ROWS_PER_BATCH,
    lists_of_block,
    lists_of_part,
    rows_of_block,
    values_of,
)

_Piece: TypeAlias = tuple[BlockRef, str]


def save_shape(
    spark: SparkSession,
    shape: Shape,
    dataset: Dataset,
    model_id: str,
    users: BlockSet,
    items: BlockSet,
) -> None:
    """Write the content of a model, replacing what an earlier attempt wrote for `model_id`."""

    def write(rows: Tasks[T], table: Table) -> None:
        replace_part_by_tasks(spark, rows, dataset, table, model_id=model_id)

    match shape:
        case Factors():
            at_once(
                lambda: write(_vector_rows(users, shape.users), USER_FACTORS),
                lambda: write(_vector_rows(items, shape.items), ITEM_FACTORS),
            )
        case Transitions():
            at_once(
                lambda: write(user_rows(users, items, shape), USER_WEIGHTS),
                lambda: write(_neighbour_rows(items, shape.items), ITEM_WEIGHTS),
            )
        case ItemWeights():
            write(_neighbour_rows(items, shape.items), ITEM_WEIGHTS)
        case Ranking():
            write(_score_rows(items, shape), RANKINGS)
        case UserWeights():
            write(user_rows(users, items, shape), USER_WEIGHTS)
        case Mixture():
            for place, member in enumerate(shape.members):
                save_shape(spark, member, dataset, member_id(model_id, place), users, items)
            write(member_rows(shape), MIXTURES)
        case RatedNeighbours():
            write(rated_rows(users, items, shape), RATED_NEIGHBOURS)


def load_shape(
    spark: SparkSession,
    dataset: Dataset,
    kind: str,
    model_id: str,
    users: BlockSet,
    items: BlockSet,
    folder: Path,
) -> Shape:
    """The stored content of a model as files again, by the positions of `users` and `items`.

    Who is not among them is left out.
    """

    def read(table: Table) -> tuple[str, ...]:
        return partition_files(dataset, table, model_id=model_id)

    match kind:
        case Factors.kind | InexactFactors.kind:
            of_kind = InexactFactors if kind == InexactFactors.kind else Factors
            return of_kind(
                users=_place_vectors(spark, read(USER_FACTORS), users, folder, "users"),
                items=_place_vectors(spark, read(ITEM_FACTORS), items, folder, "items"),
            )
        case ItemWeights.kind:
            return ItemWeights(_place_neighbours(spark, read(ITEM_WEIGHTS), items, folder))
        case Ranking.kind:
            return _place_scores(spark, read(RANKINGS), items, folder)
        case Transitions.kind:
            return Transitions(
                items=_place_neighbours(spark, read(ITEM_WEIGHTS), items, folder),
                users=place_histories(spark, read(USER_WEIGHTS), users, items, folder),
            )
        case UserWeights.kind:
            return place_users(spark, read(USER_WEIGHTS), users, items, folder)
        case Mixture.kind:
            stored = read_members(read(MIXTURES))
            members = [
                load_shape(
                    spark,
                    dataset,
                    member.shape,
                    member_id(model_id, member.place),
                    users,
                    items,
                    folder / str(member.place),
                )
                for member in stored
            ]
            return Mixture(
                members=tuple(one for one in members if not isinstance(one, Mixture)),
                weights=tuple(member.weight for member in stored),
                standardized=all(member.standardized for member in stored),
            )
        case RatedNeighbours.kind:
            return place_rated(spark, read(RATED_NEIGHBOURS), users, items, folder)
    raise ValueError(f"model {model_id} has an unknown shape: {kind}")


def _pieces(side: BlockSet, parts: Sequence[str]) -> list[_Piece]:
    return list(zip(side.blocks, parts, strict=True))


def _vector_rows(side: BlockSet, parts: Sequence[str]) -> Tasks[_Piece]:
    """`[id: string, vector: array<float>]` of those who have one."""

    def rows(piece: tuple[BlockRef, str]) -> Iterator[pa.RecordBatch]:
        block, (vectors, known) = piece[0].open(), open_vectors(piece[1])
        for tile in tiles(len(known), ROWS_PER_BATCH):
            mine = np.flatnonzero(known[tile]) + tile.start
            lengths = np.full(len(mine), vectors.shape[1])
            yield pa.RecordBatch.from_arrays(
                [
                    block.ids.take(pa.array(mine)),
                    lists_of(lengths, pa.array(vectors[mine].ravel())),
                ],
                names=["id", "vector"],
            )

    return Tasks(_pieces(side, parts), rows, "id string, vector array<float>")


def _neighbour_rows(items: BlockSet, parts: Sequence[str]) -> Tasks[_Piece]:
    """`[id: string, neighbours: array<string>, weights: array<float>]` of every item."""
    blocks = items.blocks

    def rows(piece: tuple[BlockRef, str]) -> Iterator[pa.RecordBatch]:
        (ref, part), names = piece, all_ids(blocks)
        for tile in tiles(ref.rows, ROWS_PER_BATCH):
            yield pa.RecordBatch.from_arrays(
                [
                    names[ref.first + tile.start : ref.first + tile.stop],
                    *lists_of_part(part, NEIGHBOURS, tile, names),
                ],
                names=["id", *NEIGHBOURS[1:]],
            )

    schema = "id string, neighbours array<string>, weights array<float>"
    return Tasks(_pieces(items, parts), rows, schema)


def _score_rows(items: BlockSet, ranking: Ranking) -> Tasks[_Piece]:
    """`[segment: string, id: string, score: double]` of the items in each segment's list."""
    names = ranking.segments

    def rows(piece: tuple[BlockRef, str]) -> Iterator[pa.RecordBatch]:
        block, scores = piece[0].open(), open_array(piece[1], "scores")
        for name, own in zip(names, scores, strict=True):
            listed = np.flatnonzero(np.isfinite(own))
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([name] * len(listed), pa.string()),
                    block.ids.take(pa.array(listed)),
                    pa.array(own[listed]),
                ],
                names=["segment", "id", "score"],
            )

    schema = "segment string, id string, score double"
    return Tasks(_pieces(items, ranking.items), rows, schema)


def _place_vectors(
    spark: SparkSession, files: Sequence[str], side: BlockSet, folder: Path, name: str
) -> tuple[str, ...]:
    rank = _rank(files)

    def place(ref: BlockRef) -> Arrays:
        vectors = np.zeros((ref.rows, rank), dtype=np.float32)
        known = np.zeros(ref.rows, dtype=np.bool_)
        for rows, table in rows_of_block(files, ref):
            vectors[rows] = values_of(table["vector"]).reshape(len(rows), rank)
            known[rows] = True
        return {"vectors": vectors, "known": known}

    return write_parts(spark, side.blocks, place, folder, name)


def _rank(files: Sequence[str]) -> int:
    """Length of the stored vectors, all of which are of one length."""
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1, columns=["vector"]):
            return len(batch.column("vector")[0])
    return 0


def _place_neighbours(
    spark: SparkSession, files: Sequence[str], items: BlockSet, folder: Path
) -> tuple[str, ...]:
    blocks = items.blocks

    def place(ref: BlockRef) -> Arrays:
        return lists_of_block(files, ref, NEIGHBOURS[1:], all_ids(blocks))

    return write_parts(spark, blocks, place, folder, "items")


def _place_scores(
    spark: SparkSession, files: Sequence[str], items: BlockSet, folder: Path
) -> Ranking:
    # A ranking without an item has no rows to tell its segments by.
    names = _segments(files) or (EVERYBODY,)

    def place(ref: BlockRef) -> Arrays:
        scores = np.full((len(names), ref.rows), -np.inf)
        for rows, table in rows_of_block(files, ref):
            segment = pc.index_in(table["segment"], pa.array(names)).to_numpy()
            scores[segment, rows] = table["score"].to_numpy()
        return {"scores": scores}

    return Ranking(write_parts(spark, items.blocks, place, folder, "items"), names)


def _segments(files: Sequence[str]) -> tuple[str, ...]:
    """The segments that a stored ranking has lists for, by name."""
    names: set[str] = set()
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(columns=["segment"]):
            names.update(pc.unique(batch.column("segment")).to_pylist())
    return tuple(sorted(names))
