"""Blocks of the same pairs as others, in which some arrays are different."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from pyspark.sql import SparkSession

from toplists.engine.blocks import SIDES, Block, BlockRef, BlockSet, Side, id_arrays
from toplists.engine.exchange import write_parts
from toplists.engine.storage import Array, Arrays
from toplists.engine.times import pack_times

Change: TypeAlias = Callable[[Side, BlockRef], Arrays]
"""The arrays of a block of a side that stand for those that it has; picklable."""


def derive_blocks(
    spark: SparkSession,
    blocks: tuple[BlockSet, BlockSet],
    change: Change,
    folder: Path,
    name: str,
) -> tuple[BlockSet, BlockSet]:
    """Write them, in a task for each block.

    Args:
        spark: The session.
        blocks: Users and items.
        change: What is different.
        folder: Where they go; every executor sees it.
        name: Prefix of their parts' names.
    """
    pieces = [(side, ref) for side, own in zip(SIDES, blocks, strict=True) for ref in own.blocks]

    def derive(piece: tuple[Side, BlockRef]) -> Arrays:
        side, ref = piece
        return {**_arrays_of(ref.open()), **change(side, ref)}

    paths = iter(write_parts(spark, pieces, derive, folder, name))
    users, items = (
        replace(own, blocks=tuple(replace(ref, path=next(paths)) for ref in own.blocks))
        for own in blocks
    )
    return users, items


def paths_of(blocks: tuple[BlockSet, BlockSet]) -> tuple[str, ...]:
    """Where the blocks lie."""
    return tuple(ref.path for side in blocks for ref in side.blocks)


def _arrays_of(block: Block) -> Arrays:
    arrays: dict[str, Array] = {
        "indptr": block.indptr,
        "indices": block.indices,
        "weights": block.weights,
        "values": block.values,
        "holdout": block.holdout,
        "flags": block.flags,
        **id_arrays(block.ids),
    }
    if block.rating_weights is not None:
        arrays["rating_weights"] = block.rating_weights
    if block.times is not None:
        arrays["times"] = pack_times(block.times)
    return arrays
