"""When pairs came about, as blocks store it: in few bytes, and to the microsecond all the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Times = npt.NDArray[np.int64]
"""Microseconds since 1970; `NEVER` where there is no time."""

NEVER = int(np.iinfo(np.int64).min)
"""Before all times."""

_SECOND = 1_000_000
_NO_SECOND = np.iinfo(np.int32).min


def times_of(column: pa.ChunkedArray) -> Times:
    """The times of a column of timestamps, some of which may be null."""
    in_microseconds = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    times: Times = pc.fill_null(in_microseconds, NEVER).to_numpy()
    return times


def pack_times(times: Times) -> npt.NDArray[np.int64] | npt.NDArray[np.int32]:
    """Whole seconds in half the bytes, where all are whole and not later than 2038; else the same."""
    known = times != NEVER
    seconds = np.where(known, times // _SECOND, 0)
    largest = int(np.abs(seconds).max(initial=0))
    if largest > np.iinfo(np.int32).max or np.any(known & (seconds * _SECOND != times)):
        return times
    return np.where(known, seconds, _NO_SECOND).astype(np.int32)


def unpack_times(stored: npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> Times:
    """What was packed."""
    if stored.dtype == np.int64:
        return stored.astype(np.int64, copy=False)
    return np.where(stored != _NO_SECOND, stored.astype(np.int64) * _SECOND, NEVER)
