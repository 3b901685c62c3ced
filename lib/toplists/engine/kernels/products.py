"""Matrix products whose rows do not depend on one another.

The rounding of a product depends on its shape and on the number of threads. Rows are therefore always
multiplied in tiles of one height, padded where needed, and sums over rows are taken in chunks, which
`ordered_sums` adds up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.ordered_sums import as_chunks

TILE_ROWS = 128
"""Rows of a matrix product. Always the same: a row's result must not depend on who shares the tile."""


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


def chunk_grams(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The Gram matrix of each chunk of `CHUNK_ROWS` rows: float64[chunks, k, k]."""
    chunks = as_chunks(rows.astype(np.float64))
    grams: npt.NDArray[np.float64] = np.matmul(chunks.transpose(0, 2, 1), chunks)
    return grams
