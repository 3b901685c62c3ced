"""Entries of rows in the order in which they came about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled


@compiled
def order_in_time(
    indptr: npt.NDArray[np.int64], times: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The places of each row's entries, oldest first: int64[entries]; of one time, in their order."""
    order = np.empty(indptr[-1], dtype=np.int64)
    for row in range(len(indptr) - 1):
        first, end = indptr[row], indptr[row + 1]
        order[first:end] = first + np.argsort(times[first:end], kind="mergesort")
    return order
