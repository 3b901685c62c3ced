"""Chosen rows of the items' Gram matrix, formed from users' likings a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.gram import PRODUCT, Tile, gram_tiles
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int32]


class Likings(NamedTuple):
    """A matrix of users by items, both ways; what is stored is above 0.

    `items` and `users` are blocks of rows in order, as `(position of the first row, rows)`; columns ascend.
    """

    items: Sequence[tuple[int, Sparse]]
    users: Sequence[tuple[int, Sparse]]

    @property
    def n_items(self) -> int:
        """Number of items."""
        first, last = self.items[-1]
        return first + len(last.indptr) - 1


def gram_rows(likings: Likings, wanted: Positions) -> Iterator[tuple[slice, Tile]]:
    """Some rows of the Gram matrix `G_ij = Σ_u x_ui x_uj`.

    Args:
        likings: What was liked.
        wanted: int32[rows], positions of items, ascending.

    Yields:
        A slice of `wanted`, and its rows as `gram_tiles` has them: whoever takes a tile leaves its sums at 0.
    """
    for first, block in likings.items:
        begin, end = np.searchsorted(wanted, [first, first + len(block.indptr) - 1])
        if begin == end:
            continue
        rows = _chosen(block, (wanted[begin:end] - first).astype(np.int64))
        for start, tile in gram_tiles(rows, likings.users, likings.n_items, width=PRODUCT):
            yield slice(int(begin) + start, int(begin) + start + len(tile.counts)), tile


def _chosen(block: Sparse, rows: npt.NDArray[np.int64]) -> Sparse:
    """Some rows of a block, ascending."""
    indptr, columns = ItemSets(block.indptr, block.columns).of(rows)
    begins = block.indptr[rows]
    entries = np.arange(indptr[-1]) + np.repeat(begins - indptr[:-1], np.diff(indptr))
    return Sparse(indptr, columns, block.values[entries])
