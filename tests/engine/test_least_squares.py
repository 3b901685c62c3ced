"""The compiled solvers against dense linear algebra in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toplists.engine.kernels.least_squares import descend, solve_exactly


class Problem:
    """Random rows over random features; some rows are empty, some longer than the rank."""

    def __init__(self, seed: int, rank: int = 6, longest: int = 20, n: int = 30) -> None:
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, longest + 1, 12)
        self.indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        size = int(self.indptr[-1])
        self.indices = rng.integers(0, n, size).astype(np.int32)
        self.curvature = rng.uniform(0, 20, size).astype(np.float32)
        self.pull = rng.normal(0, 5, size).astype(np.float32)
        self.features = rng.normal(0, 1, (n, rank)).astype(np.float32)
        self.base = rng.uniform(0, 10, rank)
        self.ridge = rng.uniform(0.1, 2, len(lengths))

    @property
    def terms(self) -> tuple[np.ndarray, ...]:
        return (
            self.indptr, self.indices, self.curvature, self.pull, self.features, self.base, self.ridge
        )  # fmt: skip

    def expected(self) -> np.ndarray:
        rows = []
        for row, ridge in enumerate(self.ridge):
            own = slice(self.indptr[row], self.indptr[row + 1])
            z = self.features[self.indices[own]].astype(np.float64)
            matrix = np.diag(self.base + ridge) + (z.T * self.curvature[own]) @ z
            rows.append(np.linalg.solve(matrix, z.T @ self.pull[own].astype(np.float64)))
        return np.array(rows)


@given(seed=st.integers(0, 2**32), rank=st.integers(1, 9), longest=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_exact_is_the_dense_solution(seed: int, rank: int, longest: int) -> None:
    problem = Problem(seed, rank, longest)
    found, expected = solve_exactly(*problem.terms), problem.expected()
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_many_descents_end_in_the_exact_solution(seed: int) -> None:
    problem = Problem(seed)
    start = np.random.default_rng(seed).normal(0, 1, (12, 6)).astype(np.float32)
    found = descend(*problem.terms, start, 50)
    assert np.allclose(found, solve_exactly(*problem.terms), atol=2e-3)


def test_every_step_comes_closer() -> None:
    problem = Problem(7)
    start = np.zeros((12, 6), dtype=np.float32)
    errors = [
        np.linalg.norm(descend(*problem.terms, start, steps) - problem.expected())
        for steps in (0, 1, 3, 6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05 * errors[0]


@pytest.mark.parametrize("solve", [solve_exactly, lambda *t: descend(*t, np.ones((12, 6)), 3)])
def test_a_row_without_entries_is_zero(solve) -> None:
    problem = Problem(3)
    empty = np.diff(problem.indptr) == 0
    assert empty.any()
    assert not solve(*problem.terms)[empty].any()


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    problem = Problem(11)
    whole = solve_exactly(*problem.terms)
    for row in range(12):
        own = slice(problem.indptr[row], problem.indptr[row + 1])
        alone = solve_exactly(
            np.array([0, own.stop - own.start]),
            problem.indices[own],
            problem.curvature[own],
            problem.pull[own],
            problem.features,
            problem.base,
            problem.ridge[row : row + 1],
        )
        assert np.array_equal(alone[0], whole[row])


@pytest.mark.parametrize("copies", [2, 9])  # fewer entries than features, and more
def test_what_float32_cannot_factorize_is_solved_in_float64(copies: int) -> None:
    # Copies of one feature vector make a matrix of rank 1; beside 1e12 the penalty is lost in float32.
    features = np.full((1, 4), 1e6, dtype=np.float32)
    features[0, 1:] = [3e5, -7e5, 1e5]
    found = solve_exactly(
        np.array([0, copies]),
        np.zeros(copies, dtype=np.int32),
        np.ones(copies, dtype=np.float32),
        np.ones(copies, dtype=np.float32),
        features,
        np.zeros(4),
        np.array([1e-3]),
    )
    assert found[0] @ features[0].astype(np.float64) == pytest.approx(1.0, rel=1e-3)
