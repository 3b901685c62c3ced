"""Saving and loading users' neighbours, and what they like: a row per user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, all_ids, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.shapes import LIKED, NEIGHBOURS, Transitions, UserWeights
from toplists.engine.storage import Arrays
from toplists.engine.tasks import Tasks
from toplists.models.stored_rows import ROWS_PER_BATCH, lists_of_block, lists_of_part, no_lists

_Piece: TypeAlias = tuple[BlockRef, str]


def user_rows(users: BlockSet, items: BlockSet, shape: UserWeights | Transitions) -> Tasks[_Piece]:
    """`[id, neighbours, weights, liked, likings]` of every user; transitions have no neighbours."""
    has_neighbours = isinstance(shape, UserWeights)

    def rows(piece: _Piece) -> Iterator[pa.RecordBatch]:
        (ref, part), people, catalogue = piece, all_ids(users.blocks), all_ids(items.blocks)
        for tile in tiles(ref.rows, ROWS_PER_BATCH):
            yield pa.RecordBatch.from_arrays(
                [
                    people[ref.first + tile.start : ref.first + tile.stop],
                    *(
                        lists_of_part(part, NEIGHBOURS, tile, people)
                        if has_neighbours
                        else no_lists(tile)
                    ),
                    *lists_of_part(part, LIKED, tile, catalogue),
                ],
                names=["id", *NEIGHBOURS[1:], *LIKED[1:]],
            )

    schema = (
        "id string, neighbours array<string>, weights array<float>, "
        "liked array<string>, likings array<float>"
    )
    return Tasks(list(zip(users.blocks, shape.users, strict=True)), rows, schema)


def place_users(
    spark: SparkSession, files: Sequence[str], users: BlockSet, items: BlockSet, folder: Path
) -> UserWeights:
    """The stored rows as files again, by the positions of `users` and `items`."""

    def place(ref: BlockRef) -> Arrays:
        own = lists_of_block(files, ref, NEIGHBOURS[1:], all_ids(users.blocks))
        liked = lists_of_block(files, ref, LIKED[1:], all_ids(items.blocks))
        return {LIKED[0]: liked["indptr"], **liked, **own}

    return UserWeights(write_parts(spark, users.blocks, place, folder, "users"))


def place_histories(
    spark: SparkSession, files: Sequence[str], users: BlockSet, items: BlockSet, folder: Path
) -> tuple[str, ...]:
    """The same of transitions: what counts of each user, as parts."""

    def place(ref: BlockRef) -> Arrays:
        liked = lists_of_block(files, ref, LIKED[1:], all_ids(items.blocks))
        return {LIKED[0]: liked["indptr"], **{name: liked[name] for name in LIKED[1:]}}

    return write_parts(spark, users.blocks, place, folder, "users")
