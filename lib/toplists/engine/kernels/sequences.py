"""Entries of rows in the order in which they came about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled


class Sequence(NamedTuple):
    """What came before each entry of rows, int32[entries], and what is newest of each, int32[rows].

    Both are columns; -1 is none. What has no time comes neither before nor after anything.
    """

    before: npt.NDArray[np.int32]
    newest: npt.NDArray[np.int32]


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


@compiled
def in_sequence(
    indptr: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int32],
    times: npt.NDArray[np.int64],
    never: int,
) -> Sequence:
    """The entries of each row one after the other; of one time, in their order. `never` is no time."""
    before = np.full(indptr[-1], -1, dtype=np.int32)
    newest = np.full(len(indptr) - 1, -1, dtype=np.int32)
    order = order_in_time(indptr, times)
    for row in range(len(newest)):
        for entry in order[indptr[row] : indptr[row + 1]]:
            if times[entry] != never:
                before[entry] = newest[row]
                newest[row] = columns[entry]
    return Sequence(before, newest)
