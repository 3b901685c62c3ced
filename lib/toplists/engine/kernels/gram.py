"""Row-wise sparse Gram products: what rows of a matrix have in common with all others, tile by tile.

A tile is as many rows of the product as stay in a core's cache. Pairs are never materialised: whoever
forms a tile reduces it before the next one is formed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.weight_sums import Sparse

PRODUCT, COUNTED, MOMENTS = 1, 2, 6
"""How many sums are kept of a pair: Σxy; n, Σxy; n, Σxy, Σx, Σy, Σx², Σy². All over common columns."""

TILE_BYTES = 1 << 20
"""About half of a core's second-level cache: rows that fall out of it are summed half as fast."""

_BYTES_PER_SUM, _BYTES_PER_PLACE = 8, 4


class Tile(NamedTuple):
    """Some rows of the product: float64[rows, n, width] `sums`, 0 where there is nothing.

    The first int64[rows] `counts` of int32[rows, n + 1] `touched` say where there is something;
    int64[rows] `ahead` are the entries that come next.
    """

    sums: npt.NDArray[np.float64]
    touched: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]
    ahead: npt.NDArray[np.int64]

    def of(self, rows: int) -> Tile:
        """Its first rows."""
        return Tile(self.sums[:rows], self.touched[:rows], self.counts[:rows], self.ahead[:rows])


def gram_tiles(
    rows: Sparse,
    columns: Sequence[tuple[int, Sparse]],
    n_rows: int,
    *,
    width: int,
    tile_bytes: int = TILE_BYTES,
) -> Iterator[tuple[int, Tile]]:
    """The product of some rows with all rows of their matrix, a tile at a time.

    Products are of single precision, as the values are; they are summed in double precision in order of
    the columns, so that nothing depends on how either side is cut.

    Args:
        rows: The rows; columns ascend.
        columns: The whole matrix by column, as `(position of the first column, columns by row)`, in order.
        n_rows: Of the whole matrix.
        width: Sums of a pair: `PRODUCT` is the fastest, and for values above 0 only.
        tile_bytes: Memory for the rows of the product that are held at a time, of which there is one at least.

    Yields:
        `(first row of the tile, tile)`. Whoever takes a tile leaves its sums at 0: the next one is
        formed in the same memory.
    """
    own = len(rows.indptr) - 1
    pair = _BYTES_PER_SUM * width + _BYTES_PER_PLACE
    height = min(own, max(1, tile_bytes // max(1, pair * n_rows)))
    whole = Tile(
        np.zeros((height, n_rows, width)),
        # One place more: where the next one would go is written to before it is known to be new.
        np.empty((height, n_rows + 1), dtype=np.int32),
        np.zeros(height, dtype=np.int64),
        np.empty(height, dtype=np.int64),
    )
    rows, by_column = rows.frozen(), [(start, block.frozen()) for start, block in columns]
    crowded = frozen(_pairs_of_rows(rows, columns) > n_rows)
    for start in range(0, own, max(1, height)):
        tile = whole.of(own - start)
        tile.counts[:] = 0
        tile.ahead[:] = rows.indptr[start : start + len(tile.ahead)]
        for first, block in by_column:
            if width == PRODUCT:
                sums = tile.sums.reshape(-1, n_rows)
                _add_products(rows, start, block, first, sums, crowded, tile)
            else:
                _add_moments(rows, start, block, first, tile)
        if width == PRODUCT:
            _find_touched(tile.sums.reshape(-1, n_rows), crowded, start, tile)
        yield start, tile


def _pairs_of_rows(rows: Sparse, columns: Sequence[tuple[int, Sparse]]) -> npt.NDArray[np.int64]:
    """How many products are added up for each row."""
    lengths = np.concatenate([np.diff(block.indptr) for _, block in columns])
    ends = np.concatenate(([0], np.cumsum(lengths[rows.columns])))
    return ends[rows.indptr[1:]] - ends[rows.indptr[:-1]]


@compiled
def _add_products(
    rows: Sparse,
    start: int,
    columns: Sparse,
    first: int,
    sums: npt.NDArray[np.float64],
    crowded: npt.NDArray[np.bool_],
    tile: Tile,
) -> None:
    """Add the products of the rows from `start` on with a block of columns.

    Where they go is noted on the way, without a branch, which would be guessed wrong half of the time;
    of `crowded` rows it is cheaper to look for it once, in the end.
    """
    end = first + len(columns.indptr) - 1
    for row in range(len(tile.counts)):
        entry, count = tile.ahead[row], tile.counts[row]
        while entry < rows.indptr[start + row + 1] and rows.columns[entry] < end:
            column, value = rows.columns[entry] - first, rows.values[entry]
            if crowded[start + row]:
                for other in range(columns.indptr[column], columns.indptr[column + 1]):
                    sums[row, columns.columns[other]] += value * columns.values[other]
            else:
                for other in range(columns.indptr[column], columns.indptr[column + 1]):
                    place = columns.columns[other]
                    before = sums[row, place]
                    tile.touched[row, count] = place
                    count += before == 0.0
                    sums[row, place] = before + value * columns.values[other]
            entry += 1
        tile.ahead[row], tile.counts[row] = entry, count


@compiled
def _find_touched(
    sums: npt.NDArray[np.float64], crowded: npt.NDArray[np.bool_], start: int, tile: Tile
) -> None:
    """Note where there is something in the crowded rows of a tile."""
    for row in range(len(tile.counts)):
        if crowded[start + row]:
            count = 0
            for place in range(sums.shape[1]):
                tile.touched[row, count] = place
                count += sums[row, place] != 0.0
            tile.counts[row] = count


@compiled
def _add_moments(rows: Sparse, start: int, columns: Sparse, first: int, tile: Tile) -> None:
    """The same with the number of common columns, and all moments where the tile is wide enough."""
    end, sums = first + len(columns.indptr) - 1, tile.sums
    wide = sums.shape[2] == MOMENTS
    for row in range(len(tile.counts)):
        entry, count = tile.ahead[row], tile.counts[row]
        while entry < rows.indptr[start + row + 1] and rows.columns[entry] < end:
            column, x = rows.columns[entry] - first, rows.values[entry]
            for other in range(columns.indptr[column], columns.indptr[column + 1]):
                place, y = columns.columns[other], columns.values[other]
                tile.touched[row, count] = place
                count += sums[row, place, 0] == 0.0
                sums[row, place, 0] += 1.0
                sums[row, place, 1] += x * y
                if wide:
                    sums[row, place, 2] += x
                    sums[row, place, 3] += y
                    sums[row, place, 4] += x * x
                    sums[row, place, 5] += y * y
            entry += 1
        tile.ahead[row], tile.counts[row] = entry, count
