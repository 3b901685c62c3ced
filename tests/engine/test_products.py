"""Products whose rows do not depend on one another."""

from __future__ import annotations

import numpy as np

from toplists.engine.kernels.ordered_sums import CHUNK_ROWS
from toplists.engine.kernels.products import chunk_grams, multiply_rows

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(5000, 9)).astype(np.float32)
MATRIX = RNG.normal(size=(9, 300)).astype(np.float32)


def test_they_are_the_products() -> None:
    assert np.allclose(multiply_rows(ROWS, MATRIX), ROWS @ MATRIX, atol=1e-4)
    exact = ROWS.astype(np.float64)
    grams = chunk_grams(ROWS)
    assert np.allclose(grams.sum(axis=0), exact.T @ exact)
    assert np.allclose(
        grams[1], exact[CHUNK_ROWS : 2 * CHUNK_ROWS].T @ exact[CHUNK_ROWS : 2 * CHUNK_ROWS]
    )


def test_a_row_is_the_same_in_any_company() -> None:
    whole = multiply_rows(ROWS, MATRIX)
    for first, end in ((0, 1), (77, 79), (4321, 5000)):
        assert np.array_equal(multiply_rows(ROWS[first:end], MATRIX), whole[first:end])
    assert multiply_rows(ROWS[:0], MATRIX).shape == (0, 300)
