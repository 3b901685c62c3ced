"""Saving and loading what predicts ratings from neighbours: a row per user and per item in one table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.blocks import SIDES, BlockRef, BlockSet, Side, all_ids, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.shapes import NEIGHBOURS, RATED, RatedNeighbours
from toplists.engine.storage import Array, Arrays, open_array
from toplists.engine.tasks import Tasks
from toplists.models.stored_rows import (
    ROWS_PER_BATCH,
    lists_of_block,
    lists_of_part,
    no_lists,
    rows_of_block,
)

_SCHEMA = (
    "side string, id string, level double, spread double, neighbours array<string>, "
    "weights array<float>, rated array<string>, deviations array<float>, rule string"
)
_RULE = ("by", "k", "min_k", "shift", "counted", "otherwise")
_OF_NOBODY = {
    "by": "items",
    "k": 0,
    "min_k": 1,
    "shift": 0.0,
    "counted": False,
    "otherwise": 0.0,
}
"""The rule of a model that has no rows to tell it by."""

_Sides: TypeAlias = dict[Side, BlockSet]


class _Piece(NamedTuple):
    """A block of a side, with its part, and its part of the neighbours where it is the similar side."""

    side: Side
    ref: BlockRef
    part: str
    neighbours: str | None


def rated_rows(users: BlockSet, items: BlockSet, shape: RatedNeighbours) -> Tasks[_Piece]:
    """`[side, id, level, spread, neighbours, weights, rated, deviations, rule]` of everybody."""
    blocks: _Sides = {"users": users, "items": items}
    parts = {"users": shape.users, "items": shape.items}
    rule = json.dumps({name: getattr(shape, name) for name in _RULE})

    def rows(piece: _Piece) -> Iterator[pa.RecordBatch]:
        ids = piece.ref.open().ids
        level, spread = (open_array(piece.part, name) for name in ("level", "spread"))
        similar, catalogue = all_ids(blocks[piece.side].blocks), all_ids(items.blocks)
        of_user = piece.part if piece.side == "users" else None
        for tile in tiles(piece.ref.rows, ROWS_PER_BATCH):
            length = tile.stop - tile.start
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([piece.side] * length, pa.string()),
                    ids[tile.start : tile.stop],
                    pa.array(level[tile], mask=np.isnan(level[tile])),
                    pa.array(spread[tile]),
                    *_lists(piece.neighbours, NEIGHBOURS, tile, similar),
                    *_lists(of_user, RATED, tile, catalogue),
                    pa.array([rule] * length, pa.string()),
                ],
                names=["side", "id", "level", "spread", *NEIGHBOURS[1:], *RATED[1:], "rule"],
            )

    pieces: list[_Piece] = []
    for side in SIDES:
        refs = blocks[side].blocks
        neighbours = shape.neighbours if side == shape.by else [None] * len(refs)
        pieces.extend(map(_Piece, [side] * len(refs), refs, parts[side], neighbours))
    return Tasks(pieces, rows, _SCHEMA)


def _lists(
    part: str | None, arrays: tuple[str, str, str], tile: slice, ids: pa.StringArray
) -> tuple[pa.ListArray, pa.ListArray]:
    """Lists of a tile's rows, empty ones where there is no part."""
    return no_lists(tile) if part is None else lists_of_part(part, arrays, tile, ids)


def place_rated(
    spark: SparkSession, files: Sequence[str], users: BlockSet, items: BlockSet, folder: Path
) -> RatedNeighbours:
    """The stored rows as files again, by the positions of `users` and `items`."""
    blocks: _Sides = {"users": users, "items": items}
    rule = _rule(files)

    def lists(side: Side, ref: BlockRef, columns: tuple[str, str], of: Side) -> dict[str, Array]:
        ids = all_ids(blocks[of].blocks)
        return lists_of_block(files, ref, columns, ids, pc.field("side") == side)

    def place(side: Side) -> tuple[str, ...]:
        def levels(ref: BlockRef) -> Arrays:
            level, spread = np.full(ref.rows, np.nan), np.ones(ref.rows)
            for rows, table in rows_of_block(files, ref, pc.field("side") == side):
                level[rows], spread[rows] = table["level"].to_numpy(), table["spread"].to_numpy()
            arrays = {"level": level, "spread": spread}
            if side == "users":
                arrays |= lists("users", ref, RATED[1:], "items")
            return arrays

        return write_parts(spark, blocks[side].blocks, levels, folder, side)

    by: Side = rule["by"]

    def similar(ref: BlockRef) -> Arrays:
        return lists(by, ref, NEIGHBOURS[1:], by)

    neighbours = write_parts(spark, blocks[by].blocks, similar, folder, "neighbours")
    return RatedNeighbours(place("users"), place("items"), neighbours, **rule)


def _rule(files: Sequence[str]) -> dict[str, Any]:
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1, columns=["rule"]):
            return dict(json.loads(batch.column("rule")[0].as_py()))
    return _OF_NOBODY
