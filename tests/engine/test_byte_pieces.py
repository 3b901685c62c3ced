"""Bytes put together, and their checksums, against Python's own."""

from __future__ import annotations

import zlib
from itertools import accumulate

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.byte_pieces import put_picked, put_rows
from toplists.engine.kernels.checksums import checksums
from toplists.engine.kernels.frozen import frozen

VALUES = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def packed(values: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Values one behind the other, and where each begins and ends."""
    content = np.array(list(b"".join(values)), np.uint8)
    offsets = np.array([0, *accumulate(map(len, values))], np.int64)
    return frozen(content), frozen(offsets)


@given(VALUES, st.randoms(use_true_random=False))
def test_rows_are_written_one_behind_the_other_in_any_order(values, random) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    target = np.zeros(sum(map(len, values)) * 2, np.uint8)
    begins = np.zeros(len(values), np.int64)
    begins[order] = [0, *accumulate(2 * len(values[row]) for row in order[:-1])]
    for _ in range(2):  # the second time behind the first
        put_rows(target, begins, np.array(order), *packed(values))
    assert bytes(target) == b"".join(values[row] * 2 for row in order)


@given(VALUES, st.data())
def test_a_row_is_the_values_that_it_picks(values, data) -> None:
    picks = data.draw(st.lists(st.lists(st.integers(0, len(values) - 1), max_size=4), min_size=1))
    expected = [b"".join(values[one] for one in row) for row in picks]
    picked = frozen(np.array([one for row in picks for one in row], np.int32))
    ends = frozen(np.array([0, *accumulate(map(len, picks))], np.int64))
    target = np.zeros(sum(map(len, expected)), np.uint8)
    begins = np.array([0, *accumulate(map(len, expected[:-1]))], np.int64)
    put_picked(target, begins, np.arange(len(picks)), *packed(values), picked, ends)
    assert bytes(target) == b"".join(expected)


@given(VALUES)
def test_checksums_are_those_of_zlib(values) -> None:
    assert checksums(*packed(values)).tolist() == [zlib.crc32(one) for one in values]
