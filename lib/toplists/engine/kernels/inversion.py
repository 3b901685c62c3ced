"""The inverse of a large matrix, in single precision and in place."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

_TILE = 1_024
_CHECKED = 16

Floats = npt.NDArray[np.float32]


def invert(matrix: Floats) -> bool:
    """Overwrite a symmetric matrix float32[n, n] with its inverse; whether it is positive definite.

    Unlike other kernels it takes all threads that there are, and its last digits depend on how many.
    """
    # LAPACK takes the transpose, which is the same, without a copy, and fills one of its triangles.
    _, failed = lapack.spotrf(matrix.T, lower=1, overwrite_a=1)
    if not failed:
        _, failed = lapack.spotri(matrix.T, lower=1, overwrite_c=1)
    n = len(matrix)
    for row in range(0, n, _TILE):
        rows = slice(row, min(row + _TILE, n))
        square = matrix[rows, rows]
        square[:] = np.triu(square) + np.triu(square, 1).T
        for column in range(rows.stop, n, _TILE):
            columns = slice(column, min(column + _TILE, n))
            matrix[columns, rows] = matrix[rows, columns].T
    return not failed


def residual(inverse: Floats, rows: Iterable[Floats], added: float) -> float:
    """The largest entry of `(G + added I) P - I` in a few columns, of a supposed inverse P.

    Args:
        inverse: float32[n, n].
        rows: The rows of G in order, float32[_, n] at a time.
        added: To the diagonal.
    """
    n = len(inverse)
    checked = np.unique(np.linspace(0, n - 1, _CHECKED).astype(np.int64))
    columns = np.ascontiguousarray(inverse[checked].T)
    first, largest = 0, 0.0
    for some in rows:
        own = np.arange(first, first + len(some))
        left = some @ columns + np.float32(added) * columns[own]
        left -= own[:, np.newaxis] == checked
        largest = max(largest, float(np.abs(left).max(initial=0.0)))
        first += len(some)
    return largest
