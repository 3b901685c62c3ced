"""Sums over rows: the same to the last bit for all cuts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.ordered_sums import CHUNK_ROWS, add_up, as_chunks, sum_rows


def sum_in_blocks(rows: np.ndarray, cuts: list[int]) -> np.ndarray:
    subtrees = []
    for first, end in pairwise([0, *cuts, len(rows)]):
        block = rows[first:end]
        subtrees += sum_rows(
            first, len(block), lambda of, block=block: as_chunks(block[of]).sum(axis=1)
        )
    return add_up(subtrees)


@given(
    n_rows=st.integers(1, 150 * CHUNK_ROWS),
    cuts=st.lists(st.integers(1, 149), max_size=9, unique=True),
)
def test_cuts_change_nothing(n_rows: int, cuts: list[int]) -> None:
    rows = np.random.default_rng(n_rows).lognormal(0, 4, (n_rows, 3))
    cuts = [cut * CHUNK_ROWS for cut in sorted(cuts) if cut * CHUNK_ROWS < n_rows]
    whole = sum_in_blocks(rows, [])
    assert np.array_equal(sum_in_blocks(rows, cuts), whole)
    assert np.allclose(whole, rows.sum(axis=0), rtol=1e-12)


def test_a_block_gives_few_subtrees() -> None:
    rows = np.ones((1000 * CHUNK_ROWS, 1))
    assert len(sum_rows(3 * CHUNK_ROWS, len(rows), lambda of: as_chunks(rows[of]).sum(axis=1))) < 20


def test_a_block_begins_with_a_chunk() -> None:
    with pytest.raises(ValueError, match="within a chunk"):
        sum_rows(1, 10, lambda _: np.zeros((1, 1)))
