"""A part of what may be learnt from, held out within a fit to choose by: blocks of their own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, Side
from toplists.engine.derived_blocks import derive_blocks, paths_of
from toplists.engine.kernels.draws import random_bits
from toplists.engine.storage import Arrays, open_array


class InnerSplit(NamedTuple):
    """The blocks, whose `train` part is what is left, and how much of what is learnt that has."""

    users: BlockSet
    items: BlockSet
    size: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the blocks lie."""
        return paths_of((self.users, self.items))


def hold_out(
    spark: SparkSession,
    blocks: tuple[BlockSet, BlockSet],
    part: Part,
    share: float,
    seed: int,
    folder: Path,
    lesson: Lesson = "liked",
) -> InnerSplit:
    """Hold out a share of what is learnt from a part, drawn by a hash of user and item.

    What is outside the part is neither seen nor learnt from.

    Args:
        spark: The session.
        blocks: Users and items.
        part: What may be learnt from.
        share: Of the likings or values, from 0 to 1.
        seed: Decides which.
        folder: Where the blocks go; every executor sees it.
        lesson: Whether likings or values are learnt from.
    """

    def split(side: Side, ref: BlockRef) -> Arrays:
        return _split(side, ref, part, share, seed, lesson)

    users, items = derive_blocks(spark, blocks, split, folder, "inner")
    size = sum(int(open_array(ref.path, "size")[0]) for ref in users.blocks)
    return InnerSplit(users, items, size)


def _split(
    side: Side, ref: BlockRef, part: Part, share: float, seed: int, lesson: Lesson
) -> Arrays:
    block = ref.open()
    rows = np.repeat(np.arange(ref.first, ref.first + ref.rows), np.diff(block.indptr))
    users, items = (rows, block.indices) if side == "users" else (block.indices, rows)
    outside = np.asarray(block.holdout) if part == "train" else np.zeros(len(rows), dtype=np.bool_)
    weights = np.where(outside, np.float32(0), block.weights)
    values = np.where(outside, np.float32(np.nan), block.values)
    learnt = weights > 0 if lesson == "liked" else ~np.isnan(values)
    holdout = outside | (_drawn(users, items, share, seed) & learnt)
    return {
        "weights": weights,
        "values": values,
        "holdout": holdout,
        "size": np.array([np.count_nonzero(~holdout & learnt)]),
    }


def _drawn(
    users: npt.NDArray[np.integer], items: npt.NDArray[np.integer], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Which pairs are drawn."""
    pairs = (users.astype(np.uint64) << np.uint64(32)) | items.astype(np.uint64)
    drawn: npt.NDArray[np.bool_] = random_bits(pairs, 1, seed)[:, 0] < np.uint64(share * 2**64)
    return drawn
