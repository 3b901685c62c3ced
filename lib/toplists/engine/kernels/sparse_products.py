"""Products of a sparse matrix with a dense one that lies in parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.weight_sums import Sparse

Floats = npt.NDArray[np.float32]


def multiply_sparse(rows: Sparse, parts: Sequence[Floats]) -> Floats:
    """`rows @ matrix`, each row summed in order of its columns, so that no cut changes it.

    Args:
        rows: The rows; columns ascend.
        parts: The matrix, consecutive rows float32[_, width] at a time; mapped files will do.

    Returns:
        float32[rows, width].
    """
    rows = rows.frozen()
    product = np.zeros((len(rows.indptr) - 1, parts[0].shape[1]), dtype=np.float32)
    ahead, first = rows.indptr[:-1].copy(), 0
    for part in parts:
        _add(rows, frozen(part), first, ahead, product)
        first += len(part)
    return product


@compiled
def _add(
    rows: Sparse, matrix: Floats, first: int, ahead: npt.NDArray[np.int64], product: Floats
) -> None:
    """Add what a part of the matrix gives; `ahead` are the entries of the rows that come next."""
    end = first + len(matrix)
    for row in range(len(product)):
        entry = ahead[row]
        while entry < rows.indptr[row + 1] and rows.columns[entry] < end:
            value, other = rows.values[entry], rows.columns[entry] - first
            for feature in range(product.shape[1]):
                product[row, feature] += value * matrix[other, feature]
            entry += 1
        ahead[row] = entry
