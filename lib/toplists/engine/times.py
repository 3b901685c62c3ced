"""When pairs came about, as blocks store it: in few bytes, and to the microsecond all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Times = npt.NDArray[np.int64]
"""Microseconds since 1970; `NEVER` where there is no time."""

NEVER = int(np.iinfo(np.int64).min)
"""Before all times."""

Packed: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.int32]
"""Times as blocks store them: in microseconds, or in whole seconds, with `NO_SECOND` for none."""

NO_SECOND = np.int32(np.iinfo(np.int32).min)

_SECOND = 1_000_000


def times_of(column: pa.ChunkedArray) -> Times:
    """The times of a column of timestamps, some of which may be null."""
    in_microseconds = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    times: Times = pc.fill_null(in_microseconds, NEVER).to_numpy()
    return times


def pack_times(times: Times) -> Packed:
    """Whole seconds in half the bytes, where all are whole and not later than 2038; else the same."""
    known = times != NEVER
    some = times if known.all() else times[known]
    seconds = some // _SECOND
    least, most = int(seconds.min(initial=0)), int(seconds.max(initial=0))
    if least <= NO_SECOND or most >= 1 << 31 or not np.array_equal(seconds * _SECOND, some):
        return times
    if len(some) == len(times):
        return seconds.astype(np.int32)
    packed = np.full(len(times), NO_SECOND)
    packed[known] = seconds
    return packed


def unpack_times(packed: Packed) -> Times:
    """What was packed."""
    times = packed.astype(np.int64, copy=False)
    if packed.dtype == np.int64:
        return times
    return np.where(times != NO_SECOND, times * _SECOND, NEVER)


def join_times(pieces: Sequence[Packed]) -> Packed:
    """Pieces one after the other."""
    if any(piece.dtype == np.int64 for piece in pieces):
        return np.concatenate(list(map(unpack_times, pieces)))
    joined: npt.NDArray[np.int32] = np.concatenate(pieces)
    return joined
