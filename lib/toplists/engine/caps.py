"""A cap on the entries of a matrix's columns: of heavy ones only the newest count.

What all columns cost grows with the squares of their lengths: few heavy ones decide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.draws import random_bits
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.times import NEVER, Times

Columns: TypeAlias = Sequence[tuple[int, Sparse]]
"""A matrix by column, as `(position of the first column, columns by row)`, in order."""


@dataclass(frozen=True)
class Cap:
    """Which columns are heavy, bool[columns], and the pairs of theirs that count, uint64[n]."""

    heavy: npt.NDArray[np.bool_]
    counted: npt.NDArray[np.uint64]

    def of(self, rows: Sparse, first: int) -> Sparse:
        """What counts of consecutive rows of the matrix, the first of which has this position."""
        own = np.repeat(np.arange(first, first + len(rows.indptr) - 1), np.diff(rows.indptr))
        counts = ~self.heavy[rows.columns]
        in_doubt = np.flatnonzero(~counts)
        pairs = _pairs(rows.columns[in_doubt], own[in_doubt])
        counts[in_doubt] = np.isin(pairs, self.counted, assume_unique=True)
        return rows.where(counts)


def cap_columns(
    columns: Columns, times: Sequence[Times | None], cap: int
) -> tuple[list[tuple[int, Sparse]], Cap]:
    """The columns with at most `cap` entries each, and what that means for rows.

    The newest entries count; those of one time, or without any, in the order of a hash which is another
    one in each column.

    Args:
        columns: The whole matrix.
        times: When the entries of each block of columns came about.
        cap: At least 1.
    """
    capped, heavy, counted = [], [], [np.empty(0, np.uint64)]
    for (first, block), when in zip(columns, times, strict=True):
        lengths = np.diff(block.indptr)
        kept = np.ones(len(block.columns), dtype=np.bool_)
        for column in np.flatnonzero(lengths > cap):
            own = slice(block.indptr[column], block.indptr[column + 1])
            pairs = _pairs(np.full(lengths[column], first + column), block.columns[own])
            came_about = np.full(len(pairs), NEVER) if when is None else when[own]
            # ~t falls as t rises, and does not overflow as -t does.
            newest = np.lexsort((random_bits(pairs, 1, 0)[:, 0], ~came_about))[:cap]
            kept[own] = False
            kept[own.start + newest] = True
            counted.append(pairs[newest])
        capped.append((first, block.where(kept)))
        heavy.append(lengths > cap)
    return capped, Cap(np.concatenate(heavy), np.concatenate(counted))


def _pairs(
    columns: npt.NDArray[np.integer], rows: npt.NDArray[np.integer]
) -> npt.NDArray[np.uint64]:
    return (columns.astype(np.uint64) << np.uint64(32)) | rows.astype(np.uint64)
