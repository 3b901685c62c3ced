"""Item-to-item cosine similarity as a row-wise sparse Gram product with fused selection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.topk import empty_heaps, offer, sort_heaps
from toplists.engine.kernels.weight_sums import Sparse

# Of every pair that a tile may hold: its sum, and its place among those that are not 0.
_BYTES_PER_PAIR = 12
_TILE_BYTES = 1 << 20
"""About half of a core's second-level cache: rows that fall out of it are summed half as fast."""


class _Tile(NamedTuple):
    """Some rows of the product: float64[rows, n_items] `sums`, 0 where there is nothing.

    The first int64[rows] `counts` of int32[rows, n_items] `touched` say where there is something;
    int64[rows] `ahead` are the entries that come next.
    """

    sums: npt.NDArray[np.float64]
    touched: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]
    ahead: npt.NDArray[np.int64]

    def of(self, rows: int) -> _Tile:
        """Its first rows."""
        return _Tile(self.sums[:rows], self.touched[:rows], self.counts[:rows], self.ahead[:rows])


def cosine_neighbours(
    items: Sparse,
    first: int,
    users: Sequence[tuple[int, Sparse]],
    norms: npt.NDArray[np.float64],
    candidates: npt.NDArray[np.bool_] | None = None,
    *,
    k: int,
    shrinkage: float,
    tile_bytes: int = _TILE_BYTES,
) -> Iterator[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.float64]]]:
    """The k most similar items of each of a block of items, over all raters.

    `sim(i, j) = Σ_u x_ui x_uj / (|x_i| |x_j| + shrinkage)`; an item is no neighbour of itself, and
    items without a common rater are no neighbours. Pairs are never materialised: the product is
    formed for a few rows at a time and reduced to its best before the next ones. It is summed in double
    precision in order of the users, so that it does not depend on how either side is cut; similarities
    are compared as the single precision that they are stored in, where equal ones are equal.

    Args:
        items: The block's items by user; what is stored is above 0, and columns ascend.
        first: Position of the block's first item.
        users: The whole matrix by user, as `(position of the first user, rows by item)`, in order.
        norms: float64[n_items], Euclidean norm of every item.
        candidates: bool[n_items], which items may be neighbours; `None` = all.
        k: Neighbours per item.
        shrinkage: Added to the denominator; pulls similarities from few raters down.
        tile_bytes: Memory for the rows of the product that are held at a time, of which there is one at least.

    Yields:
        `(first row of the tile, neighbours int32[tile, k], similarities float64[tile, k])`, -1 and
        NaN where an item has fewer neighbours.
    """
    n_items, n_rows = len(norms), len(items.indptr) - 1
    chosen = np.ones(n_items, dtype=np.bool_) if candidates is None else candidates
    height = min(n_rows, max(1, tile_bytes // max(1, _BYTES_PER_PAIR * n_items)))
    whole = _Tile(
        np.zeros((height, n_items)),
        np.empty((height, n_items), dtype=np.int32),
        np.zeros(height, dtype=np.int64),
        np.empty(height, dtype=np.int64),
    )
    rows, by_user = items.frozen(), [(start, block.frozen()) for start, block in users]
    for start in range(0, n_rows, max(1, height)):
        tile = whole.of(n_rows - start)
        tile.counts[:] = 0
        tile.ahead[:] = rows.indptr[start : start + len(tile.ahead)]
        for first_user, block in by_user:
            _add(rows, start, block, first_user, tile)
        heaps = empty_heaps(len(tile.counts), k)
        _choose(tile, first + start, frozen(norms), frozen(chosen), shrinkage, *heaps)
        sort_heaps(*heaps)
        yield first + start, *heaps


@compiled
def _add(rows: Sparse, start: int, users: Sparse, first: int, tile: _Tile) -> None:
    """Add the products of the rows from `start` on with a block of users."""
    end = first + len(users.indptr) - 1
    for row in range(len(tile.counts)):
        entry, count = tile.ahead[row], tile.counts[row]
        while entry < rows.indptr[start + row + 1] and rows.columns[entry] < end:
            user, weight = rows.columns[entry] - first, float(rows.values[entry])
            for other in range(users.indptr[user], users.indptr[user + 1]):
                item = users.columns[other]
                if tile.sums[row, item] == 0.0:
                    tile.touched[row, count] = item
                    count += 1
                tile.sums[row, item] += weight * float(users.values[other])
            entry += 1
        tile.ahead[row], tile.counts[row] = entry, count


@compiled
def _choose(
    tile: _Tile,
    first: int,
    norms: npt.NDArray[np.float64],
    candidates: npt.NDArray[np.bool_],
    shrinkage: float,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
) -> None:
    """Offer the similarities of a tile to its heaps, and empty it."""
    for row in range(len(tile.counts)):
        own = first + row
        for place in range(tile.counts[row]):
            item = tile.touched[row, place]
            if item != own and candidates[item]:
                similarity = tile.sums[row, item] / (norms[own] * norms[item] + shrinkage)
                offer(items, scores, row, item, float(np.float32(similarity)))
            tile.sums[row, item] = 0.0
