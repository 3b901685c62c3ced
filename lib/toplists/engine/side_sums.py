"""Sums over one side's rows, which tasks leave beside the vectors: the objective's share, and the Gram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import BlockRef
from toplists.engine.kernels.ordered_sums import Subtree, add_up, as_chunks, sum_rows
from toplists.engine.kernels.products import chunk_grams
from toplists.engine.storage import Arrays, bring_here, open_array

_FIGURES = 3


@dataclass(frozen=True)
class SideSums:
    """Sums over all rows of a side, equal to the last bit for all cuts into blocks.

    `loss` is what the rows lose together with their own penalty, `penalty` the penalty by itself,
    `singular` the number of rows without a unique solution. `gram` float64[k, k] is that of the
    vectors, if it was asked for.
    """

    loss: float
    penalty: float
    singular: int
    gram: npt.NDArray[np.float64] | None


def sum_block(
    ref: BlockRef,
    vectors: npt.NDArray[np.float32],
    *,
    with_gram: bool,
    losses: npt.NDArray[np.float64] | None = None,
    penalties: npt.NDArray[np.float64] | None = None,
    singular: npt.NDArray[np.bool_] | None = None,
) -> Arrays:
    """The sums of a block's rows, as arrays of its part.

    Args:
        ref: The block.
        vectors: float32[rows, k].
        with_gram: Whether the Gram matrix is wanted.
        losses: float64[rows]; 0 without it.
        penalties: float64[rows]; 0 without it.
        singular: bool[rows]; none without it.
    """
    figures = np.zeros((ref.rows, _FIGURES))
    for column, values in enumerate((losses, penalties, singular)):
        if values is not None:
            figures[:, column] = values

    def sums_of_chunks(rows: slice) -> npt.NDArray[np.float64]:
        sums: npt.NDArray[np.float64] = as_chunks(figures[rows]).sum(axis=1)
        if with_gram:
            grams = chunk_grams(vectors[rows])
            sums = np.concatenate((sums, grams.reshape(len(grams), -1)), axis=1)
        return sums

    subtrees = sum_rows(ref.first, ref.rows, sums_of_chunks)
    return {
        "sum_places": np.array([(level, place) for level, place, _ in subtrees]).reshape(-1, 2),
        "sum_totals": np.array([total for _, _, total in subtrees]).reshape(len(subtrees), -1),
    }


def read_sums(parts: Sequence[str]) -> SideSums:
    """The sums over a whole side, from its parts."""
    bring_here(parts, "sum_places", "sum_totals")
    subtrees = [
        Subtree(int(level), int(place), total)
        for part in parts
        for (level, place), total in zip(
            open_array(part, "sum_places"), open_array(part, "sum_totals"), strict=True
        )
    ]
    total = add_up(subtrees)
    width = int(np.sqrt(len(total) - _FIGURES))
    gram = total[_FIGURES:].reshape(width, width) if width else None
    return SideSums(float(total[0]), float(total[1]), int(total[2]), gram)
