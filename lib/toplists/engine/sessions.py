"""Sessions: what users like or rate without a long pause, as rows of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toplists.engine.caps import Columns
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.radix_sort import order_by
from toplists.engine.kernels.sequences import order_in_time
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.times import NEVER, Times

_MICROSECONDS_PER_HOUR = 3_600_000_000


def split_sessions(users: Sparse, times: Times, gap_hours: float) -> tuple[Sparse, Times]:
    """Rows of users, each cut into its sessions, one after the other in order of time.

    A session ends where the next entry came about more than `gap_hours` later; at exactly that distance
    it goes on. What has no time is in none.

    Args:
        users: Rows; columns ascend.
        times: When their entries came about.
        gap_hours: The longest pause within a session.

    Returns:
        The sessions as rows, whose columns ascend as well, and when their entries came about.
    """
    order = order_in_time(frozen(users.indptr), frozen(times))
    order = order[times[order] != NEVER]
    owners = np.repeat(np.arange(len(users.indptr) - 1), np.diff(users.indptr))[order]
    pauses = np.diff(times[order])
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (np.diff(owners) > 0) | (pauses > gap_hours * _MICROSECONDS_PER_HOUR)
    session = np.full(len(times), -1, dtype=np.int32)
    session[order] = np.cumsum(begins, dtype=np.int32) - np.int32(1)
    timed = np.flatnonzero(session >= 0)
    # Of a user the columns ascend: so they do in each session.
    entries = timed[order_by(session[timed])]
    lengths = np.bincount(session[timed], minlength=int(begins.sum()))
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    return Sparse(indptr, users.columns[entries], users.values[entries]), times[entries]


def stack_sessions(blocks: Sequence[Sparse]) -> Columns:
    """Blocks of sessions as the columns of one matrix."""
    counts = [len(block.indptr) - 1 for block in blocks]
    return list(zip(np.cumsum([0, *counts[:-1]]).tolist(), blocks, strict=True))


def rows_of(columns: Columns, first: int, n_rows: int) -> Sparse:
    """So many consecutive rows of a matrix, the first of which has this position; their columns ascend."""
    rows, numbers, values = [], [], []
    for start, block in columns:
        own = np.flatnonzero((block.columns >= first) & (block.columns < first + n_rows))
        rows.append(block.columns[own] - np.int32(first))
        numbers.append(
            np.searchsorted(block.indptr, own, side="right").astype(np.int32) - 1 + start
        )
        values.append(block.values[own])
    row = np.concatenate(rows)
    order = order_by(row)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n_rows))))
    return Sparse(
        indptr, np.concatenate(numbers)[order].astype(np.int32), np.concatenate(values)[order]
    )
