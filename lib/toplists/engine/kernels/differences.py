"""By how much values of a row are above those of another, on average over their common columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.gram import MOMENTS, TILE_BYTES, Tile, gram_tiles
from toplists.engine.kernels.topk import empty_heaps, offer, sort_heaps
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]


def mean_differences(
    rows: Sparse,
    first: int,
    columns: Sequence[tuple[int, Sparse]],
    n_rows: int,
    *,
    k: int | None,
    least: int,
    tile_bytes: int = TILE_BYTES,
) -> Sparse:
    """Of each row, how far it is above others: the mean over common columns of its value less theirs.

    The others are those with the most common columns, ties by position. Nothing depends on how the
    matrix is cut.

    Args:
        rows: A block's rows; columns ascend.
        first: Position of the block's first row.
        columns: The whole matrix by column, as `(position of the first column, columns by row)`, in order.
        n_rows: Of the whole matrix.
        k: So many others of each row; `None` = all with a common column.
        least: Common columns without which there is no difference.
        tile_bytes: Memory for what is held of rows at a time, of which there is one at least.
    """
    found = []
    for start, tile in gram_tiles(rows, columns, n_rows, width=MOMENTS, tile_bytes=tile_bytes):
        most = max(1, int(tile.counts.max()))
        heaps = empty_heaps(len(tile.counts), most if k is None else min(k, most))
        _count(tile, first + start, least, *heaps)
        sort_heaps(*heaps)
        _subtract(tile, *heaps)
        found.append(Sparse.of_lists(*heaps))
    return Sparse.stacked(found)


@compiled
def _count(
    tile: Tile, first: int, least: int, others: npt.NDArray[np.int32], commons: Doubles
) -> None:
    """Offer the others of a tile's rows to its heaps by their number of common columns."""
    for row in range(len(tile.counts)):
        for place in range(tile.counts[row]):
            other = tile.touched[row, place]
            common = tile.sums[row, other, 0]
            if other != first + row and common >= least:
                offer(others, commons, row, other, common)


@compiled
def _subtract(tile: Tile, others: npt.NDArray[np.int32], differences: Doubles) -> None:
    """Put differences in the place of the numbers of common columns, and empty the tile."""
    for row in range(len(tile.counts)):
        for slot in range(others.shape[1]):
            other = others[row, slot]
            if other >= 0:
                common, _, own, theirs = tile.sums[row, other, :4]
                differences[row, slot] = (own - theirs) / common
        for place in range(tile.counts[row]):
            tile.sums[row, tile.touched[row, place]] = 0.0
