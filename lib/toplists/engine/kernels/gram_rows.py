"""Chosen rows of the items' Gram matrix, formed from users' likings a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.gram import PRODUCT, Tile, gram_tiles
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int32]


class Likings(NamedTuple):
    """A matrix of users by items, both ways, as rows of each; what is stored is above 0, columns ascend."""

    items: Sparse
    users: Sparse

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items.indptr) - 1


def gram_rows(likings: Likings, wanted: Positions) -> Iterator[tuple[slice, Tile]]:
    """Some rows of the Gram matrix `G_ij = Σ_u x_ui x_uj`.

    Args:
        likings: What was liked.
        wanted: int32[rows], positions of items.

    Yields:
        A slice of `wanted`, and its rows as `gram_tiles` has them: whoever takes a tile leaves its sums at 0.
    """
    rows = likings.items.of(wanted.astype(np.int64))
    for start, tile in gram_tiles(rows, [(0, likings.users)], likings.n_items, width=PRODUCT):
        yield slice(start, start + len(tile.counts)), tile
