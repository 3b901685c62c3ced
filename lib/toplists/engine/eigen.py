"""Eigenvectors of small matrices, the same wherever they are computed."""

from __future__ import annotations

from threading import Lock

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

Doubles = npt.NDArray[np.float64]

_LIMIT = Lock()
"""Of two limits at a time, the first to end would lift the other's."""


def eigen(matrix: Doubles) -> tuple[Doubles, Doubles]:
    """The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns; on one thread."""
    with _LIMIT, threadpool_limits(limits=1):
        values, vectors = np.linalg.eigh(matrix)
    return values, vectors
