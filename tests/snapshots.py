"""Snapshots small enough to write down, as the blocks that models are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from toplists.engine.blocks import BlockRef, BlockSet, id_arrays
from toplists.engine.storage import save_part

_TYPES = {"holdout": np.bool_, "times": np.int64}


def write_blocks(
    folder: Path,
    weights: np.ndarray,
    *,
    values: np.ndarray | None = None,
    rating_weights: np.ndarray | None = None,
    holdout: np.ndarray | None = None,
    times: np.ndarray | None = None,
    cuts: tuple[Sequence[int], Sequence[int]] = ((), ()),
    longest: int | None = None,
    ids: tuple[Sequence[str], Sequence[str]] | None = None,
) -> tuple[BlockSet, BlockSet]:
    """Blocks of users and of items from dense matrices (users x items).

    Args:
        folder: Where to write.
        weights: What was liked, above 0; a NaN is a pair without an interaction.
        values: The values; the weights without it.
        rating_weights: Their weights; 1 without it.
        holdout: Which pairs are held out; none without it.
        times: When they came about, in microseconds since 1970; without it there are no times.
        cuts: First rows of all blocks but the first, by user and by item.
        longest: Rows with more entries are marked as long.
        ids: Of users and items, ascending; u000, u001, … and i000, i001, … without them.
    """
    values = weights if values is None else values
    holdout = np.zeros(weights.shape, dtype=np.bool_) if holdout is None else holdout
    stored = {"weights": weights, "values": values, "holdout": holdout}
    if rating_weights is not None:
        stored["rating_weights"] = rating_weights
    if times is not None:
        stored["times"] = times
    if ids is None:
        n_users, n_items = weights.shape
        ids = [f"u{row:03}" for row in range(n_users)], [f"i{row:03}" for row in range(n_items)]
    users = _side(folder, "u", stored, list(cuts[0]), longest, ids[0])
    transposed = {name: matrix.T for name, matrix in stored.items()}
    items = _side(folder, "i", transposed, list(cuts[1]), longest, ids[1])
    return users, items


def _side(
    folder: Path,
    name: str,
    stored: dict[str, np.ndarray],
    cuts: list[int],
    longest: int | None,
    ids: Sequence[str],
) -> BlockSet:
    weights = stored["weights"]
    refs = []
    bounds = [0, *cuts, len(weights)]
    for index, (first, end) in enumerate(pairwise(bounds)):
        rows, columns = np.nonzero(~np.isnan(weights[first:end]))
        own = (rows + first, columns)
        block = {
            "indptr": np.searchsorted(rows, np.arange(end - first + 1)).astype(np.int64),
            "indices": columns.astype(np.int32),
            "flags": np.ones(end - first, dtype=np.bool_),
            **id_arrays(pa.array(ids[first:end], pa.string())),
        }
        for kind, matrix in stored.items():
            block[kind] = matrix[own].astype(_TYPES.get(kind, np.float32))
        path = save_part(str(folder), f"{name}-{index}-of-{len(cuts)}", block)
        counts = np.diff(block["indptr"])
        long_rows = () if longest is None else tuple(np.flatnonzero(counts > longest).tolist())
        refs.append(BlockRef(index, first, end - first, len(rows), path, long_rows))
    return BlockSet(tuple(refs), len(weights), weights.shape[1])
