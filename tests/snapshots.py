"""Snapshots small enough to write down, as the blocks that models are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from toplists.engine.blocks import BlockRef, BlockSet, write_ids
from toplists.engine.storage import save_part


def write_blocks(
    folder: Path,
    weights: np.ndarray,
    *,
    values: np.ndarray | None = None,
    holdout: np.ndarray | None = None,
    cuts: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> tuple[BlockSet, BlockSet]:
    """Blocks of users and of items from dense matrices (users x items).

    Args:
        folder: Where to write.
        weights: What was liked, above 0; a NaN is a pair without an interaction.
        values: The values; the weights without it.
        holdout: Which pairs are held out; none without it.
        cuts: First rows of all blocks but the first, by user and by item.
    """
    values = weights if values is None else values
    holdout = np.zeros(weights.shape, dtype=np.bool_) if holdout is None else holdout
    sides = [("u", weights, values, holdout), ("i", weights.T, values.T, holdout.T)]
    users, items = (
        _side(folder, *side, cuts=list(own)) for side, own in zip(sides, cuts, strict=True)
    )
    return users, items


def _side(
    folder: Path,
    name: str,
    weights: np.ndarray,
    values: np.ndarray,
    holdout: np.ndarray,
    *,
    cuts: list[int],
) -> BlockSet:
    refs = []
    bounds = [0, *cuts, len(weights)]
    for index, (first, end) in enumerate(pairwise(bounds)):
        rows, columns = np.nonzero(~np.isnan(weights[first:end]))
        own = (rows + first, columns)
        block = {
            "indptr": np.searchsorted(rows, np.arange(end - first + 1)).astype(np.int64),
            "indices": columns.astype(np.int32),
            "weights": weights[own].astype(np.float32),
            "values": values[own].astype(np.float32),
            "holdout": holdout[own],
            "flags": np.ones(end - first, dtype=np.bool_),
        }
        path = save_part(str(folder), f"{name}-{index}-of-{len(cuts)}", block)
        write_ids(path, pa.array([f"{name}{row:03}" for row in range(first, end)]))
        refs.append(BlockRef(index, first, end - first, len(rows), path))
    return BlockSet(tuple(refs), len(weights), weights.shape[1])
