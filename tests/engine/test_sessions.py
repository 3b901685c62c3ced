"""Sessions as columns of a matrix, against sessions one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.sessions import rows_of, split_sessions, stack_sessions
from toplists.engine.times import NEVER

HOUR = 3_600_000_000
N_ITEMS = 6
# Hours of what each user has, -1 = has it not, -2 = has it without a time.
WHEN = arrays(np.int64, st.tuples(st.integers(0, 7), st.just(N_ITEMS)), elements=st.integers(-2, 9))


def sessions_of(when: np.ndarray, gap: int) -> list[dict[int, int]]:
    """The hour of each item of each session."""
    found: list[dict[int, int]] = []
    for hours in when:
        newest = None
        for hour, item in sorted((hour, item) for item, hour in enumerate(hours) if hour >= 0):
            if newest is None or hour - newest > gap:
                found.append({})
            found[-1][item] = newest = int(hour)
    return found


def stored(when: np.ndarray) -> tuple[Sparse, np.ndarray]:
    rows, items = np.nonzero(when != -1)
    lengths = np.bincount(rows, minlength=len(when))
    hours = when[rows, items]
    values = (10 * rows + items).astype(np.float32)  # tells who has what
    users = Sparse(np.concatenate(([0], np.cumsum(lengths))), items.astype(np.int32), values)
    return users, np.where(hours >= 0, hours * HOUR, NEVER)


@given(WHEN, st.integers(1, 4))
def test_sessions_end_where_a_pause_is_too_long(when: np.ndarray, gap: int) -> None:
    sessions, times = split_sessions(*stored(when), gap)
    wanted = sessions_of(when, gap)
    assert len(sessions.indptr) == len(wanted) + 1
    for own, first, end in zip(wanted, sessions.indptr, sessions.indptr[1:], strict=False):
        assert sessions.columns[first:end].tolist() == sorted(own)
        assert (times[first:end] // HOUR).tolist() == [own[item] for item in sorted(own)]


@given(WHEN, st.integers(0, 7), st.integers(0, N_ITEMS))
def test_items_by_sessions_are_sessions_by_items(when: np.ndarray, cut: int, first: int) -> None:
    """However users and items are cut into blocks."""
    blocks = [split_sessions(*stored(part), 2)[0] for part in (when[:cut], when[cut:])]
    columns = stack_sessions(blocks)
    whole = np.zeros((sum(len(block.indptr) - 1 for block in blocks), N_ITEMS))
    for start, block in columns:
        for number in range(len(block.indptr) - 1):
            own = slice(block.indptr[number], block.indptr[number + 1])
            whole[start + number, block.columns[own]] = block.values[own] + 1
    for begin, end in ((0, first), (first, N_ITEMS)):
        rows = rows_of(columns, begin, end - begin)
        found = np.zeros((len(whole), end - begin))
        for row in range(end - begin):
            own = slice(rows.indptr[row], rows.indptr[row + 1])
            assert (np.diff(rows.columns[own]) > 0).all()
            found[rows.columns[own], row] = rows.values[own] + 1
        assert np.array_equal(found, whole[:, begin:end])
