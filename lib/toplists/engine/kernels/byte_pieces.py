"""Bytes put together, row by row, out of pieces that lie elsewhere: copies, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.copying import copy_bytes

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@compiled
def put_rows(target: Bytes, begins: Places, rows: Places, values: Bytes, offsets: Places) -> None:
    """Copy a value for each row.

    Args:
        target: uint8[…], where to.
        begins: int64[n], where in `target` what comes next of each row belongs; moved behind it.
        rows: int64[m], which rows.
        values: uint8[…], those of all rows, one behind the other.
        offsets: int64[n + 1], where in `values` that of each row begins and ends.
    """
    for row in rows:
        first, size = offsets[row], offsets[row + 1] - offsets[row]
        copy_bytes(target, begins[row], values, first, size)
        begins[row] += size


@compiled
def put_picked(
    target: Bytes,
    begins: Places,
    rows: Places,
    values: Bytes,
    offsets: Places,
    picked: npt.NDArray[np.int32],
    ends: Places,
) -> None:
    """Copy for each row some values out of those that there are, one behind the other.

    Args:
        target: See `put_rows`.
        begins: See there.
        rows: See there.
        values: uint8[…], the values that there are, one behind the other.
        offsets: int64[k + 1], where each of these begins and ends.
        picked: int32[…], numbers of values, those of one row behind those of the other.
        ends: int64[n + 1], where in `picked` those of each row begin and end.
    """
    for row in rows:
        at = begins[row]
        for one in range(ends[row], ends[row + 1]):
            first = offsets[picked[one]]
            size = offsets[picked[one] + 1] - first
            copy_bytes(target, at, values, first, size)
            at += size
        begins[row] = at
