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
    k, m = matrix.shape
    whole, rest = divmod(len(rows), TILE_ROWS)
    product = np.empty((len(rows), m), dtype=np.float32)
    within = slice(whole * TILE_ROWS)
    tiles = np.ascontiguousarray(rows[within]).reshape(whole, TILE_ROWS, k)
    np.matmul(tiles, matrix, out=product[within].reshape(whole, TILE_ROWS, m))
    if rest:
        last = np.zeros((TILE_ROWS, k), dtype=np.float32)
        last[:rest] = rows[-rest:]
        product[-rest:] = (last @ matrix)[:rest]
    return product


def chunk_grams(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The Gram matrix of each chunk of `CHUNK_ROWS` rows: float64[chunks, k, k]."""
    chunks = as_chunks(rows)
    grams: npt.NDArray[np.float64] = np.matmul(chunks.transpose(0, 2, 1), chunks)
    return grams
