"""Matrix products whose rows do not depend on one another.

The rounding of a product depends on its shape and on the number of threads. Rows are therefore always
multiplied in tiles of one height, padded where needed, and sums over rows are taken in chunks that
depend on nothing but the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

TILE_ROWS = 128
"""Rows of a matrix product. Always the same: a row's result must not depend on who shares the tile."""

_GRAM_ROWS = 4_096


def multiply_rows(
    rows: npt.NDArray[np.float32], matrix: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """`rows @ matrix`, each row as if it were alone: float32[n, k] by float32[k, m]."""
    product = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
    tile = np.zeros((TILE_ROWS, rows.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), TILE_ROWS):
        count = min(TILE_ROWS, len(rows) - start)
        tile[:count] = rows[start : start + count]
        product[start : start + count] = (tile @ matrix)[:count]
    return product


def gram(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """`rowsᵀ rows` in float64, summed in chunks from the first row on: float64[k, k]."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for chunk in _chunks(rows):
        total += chunk.T @ chunk
    return total


def _chunks(rows: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float64]]:
    for start in range(0, len(rows), _GRAM_ROWS):
        yield rows[start : start + _GRAM_ROWS].astype(np.float64)
