"""A part of what may be learnt from, held out within a fit to choose by: blocks of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, Side, id_arrays
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.draws import random_bits
from toplists.engine.storage import Array, Arrays, open_array
from toplists.engine.times import pack_times


class InnerSplit(NamedTuple):
    """The blocks, whose `train` part is what is left, and how much of what is learnt that has."""

    users: BlockSet
    items: BlockSet
    size: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the blocks lie."""
        return tuple(ref.path for side in (self.users, self.items) for ref in side.blocks)


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
    sides: tuple[tuple[Side, BlockSet], ...] = tuple(zip(("users", "items"), blocks, strict=True))
    pieces = [(side, ref) for side, own in sides for ref in own.blocks]

    def split(piece: tuple[Side, BlockRef]) -> Arrays:
        return _split(*piece, part, share, seed, lesson)

    parts = write_parts(spark, pieces, split, folder, "inner")
    n_users = len(blocks[0].blocks)
    users, items = (
        replace(
            own,
            blocks=tuple(
                replace(ref, path=path) for ref, path in zip(own.blocks, paths, strict=True)
            ),
        )
        for own, paths in zip(blocks, (parts[:n_users], parts[n_users:]), strict=True)
    )
    size = sum(int(open_array(path, "size")[0]) for path in parts[:n_users])
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
    arrays: dict[str, Array] = {
        "indptr": block.indptr,
        "indices": block.indices,
        "weights": weights,
        "values": values,
        "holdout": holdout,
        "flags": block.flags,
        "size": np.array([np.count_nonzero(~holdout & learnt)]),
        **id_arrays(block.ids),
    }
    if block.rating_weights is not None:
        arrays["rating_weights"] = block.rating_weights
    if block.times is not None:
        arrays["times"] = pack_times(block.times)
    return arrays


def _drawn(
    users: npt.NDArray[np.integer], items: npt.NDArray[np.integer], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Which pairs are drawn."""
    pairs = (users.astype(np.uint64) << np.uint64(32)) | items.astype(np.uint64)
    drawn: npt.NDArray[np.bool_] = random_bits(pairs, 1, seed)[:, 0] < np.uint64(share * 2**64)
    return drawn
