"""The compiled solvers against dense linear algebra in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels import long_rows
from toplists.engine.kernels.conjugate_gradients import descend
from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.least_squares import solve_exactly


class Problem:
    """Random rows over random features; some rows are empty, some longer than the rank."""

    def __init__(self, seed: int, rank: int = 6, longest: int = 20, n: int = 30) -> None:
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, longest + 1, 12)
        indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        size = int(indptr[-1])
        self.rows = Equations(
            indptr,
            rng.integers(0, n, size).astype(np.int32),
            rng.uniform(0, 20, size).astype(np.float32),
            rng.normal(0, 5, size).astype(np.float32),
            rng.uniform(0.1, 2, len(lengths)),
            0.5,
        )
        self.features = rng.normal(0, 1, (n, rank)).astype(np.float32)
        self.base = rng.uniform(0, 10, rank)

    @property
    def terms(self) -> tuple[Equations, np.ndarray, np.ndarray]:
        return self.rows, self.features, self.base

    def expected(self) -> np.ndarray:
        solved = []
        for row in range(len(self.rows.ridge)):
            of = only(self.rows, row)
            z = self.features[of.indices].astype(np.float64)
            matrix = np.diag(self.base + of.ridge) + (z.T * of.curvature) @ z
            solved.append(np.linalg.solve(matrix, z.T @ of.pull.astype(np.float64)))
        return np.array(solved)

    def losses(self, solutions: np.ndarray) -> np.ndarray:
        """What `Equations` says a row loses, but for what the base adds by itself."""
        losses = []
        for row, x in enumerate(solutions.astype(np.float64)):
            of = only(self.rows, row)
            weight = of.curvature.astype(np.float64) + of.shared
            off = of.pull / weight - self.features[of.indices].astype(np.float64) @ x
            own = (weight * off**2).sum() - of.shared * ((off - of.pull / weight) ** 2).sum()
            losses.append(own + (self.base + of.ridge) @ x**2)
        return np.array(losses)


def only(rows: Equations, row: int) -> Equations:
    """One row by itself."""
    own = slice(rows.indptr[row], rows.indptr[row + 1])
    return Equations(
        np.array([0, own.stop - own.start]),
        rows.indices[own],
        rows.curvature[own],
        rows.pull[own],
        rows.ridge[row : row + 1],
        rows.shared,
    )


@given(seed=st.integers(0, 2**32), rank=st.integers(1, 9), longest=st.integers(0, 30))
def test_exact_is_the_dense_solution(seed: int, rank: int, longest: int) -> None:
    problem = Problem(seed, rank, longest)
    solution, expected = solve_exactly(*problem.terms), problem.expected()
    found = solution.rows
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())
    assert np.allclose(solution.losses, problem.losses(found), rtol=1e-3, atol=1e-2)
    assert not solution.singular.any()


@given(seed=st.integers(0, 2**32))
def test_many_descents_end_in_the_exact_solution(seed: int) -> None:
    problem = Problem(seed)
    start = np.random.default_rng(seed).normal(0, 1, (12, 6)).astype(np.float32)
    found = descend(*problem.terms, start, 50)
    assert np.allclose(found.rows, solve_exactly(*problem.terms).rows, atol=2e-3)


@given(seed=st.integers(0, 2**32), steps=st.integers(0, 4))
def test_descents_say_what_they_have_come_to(seed: int, steps: int) -> None:
    problem = Problem(seed)
    start = np.random.default_rng(seed).normal(0, 1, (12, 6)).astype(np.float32)
    found = descend(*problem.terms, start, steps)
    expected = problem.losses(found.rows)
    assert np.allclose(found.losses, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_every_step_comes_closer() -> None:
    problem = Problem(7)
    start = np.zeros((12, 6), dtype=np.float32)
    errors = [
        np.linalg.norm(descend(*problem.terms, start, steps).rows - problem.expected())
        for steps in (0, 1, 3, 6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05 * errors[0]


@pytest.mark.parametrize("solve", [solve_exactly, lambda *t: descend(*t, np.ones((12, 6)), 3)])
def test_a_row_without_entries_is_zero(solve) -> None:
    problem = Problem(3)
    empty = np.diff(problem.rows.indptr) == 0
    assert empty.any()
    assert not solve(*problem.terms).rows[empty].any()


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    problem = Problem(11)
    whole = solve_exactly(*problem.terms).rows
    for row in range(12):
        alone = solve_exactly(only(problem.rows, row), problem.features, problem.base)
        assert np.array_equal(alone.rows[0], whole[row])


@pytest.mark.parametrize("copies", [2, 9])  # fewer entries than features, and more
def test_what_float32_cannot_factorize_is_solved_in_float64(copies: int) -> None:
    # Copies of one feature vector make a matrix of rank 1; beside 1e12 the penalty is lost in float32.
    features = np.full((1, 4), 1e6, dtype=np.float32)
    features[0, 1:] = [3e5, -7e5, 1e5]
    ones = np.ones(copies, dtype=np.float32)
    row = Equations(
        np.array([0, copies]), np.zeros(copies, dtype=np.int32), ones, ones, np.array([1e-3]), 0.0
    )
    found = solve_exactly(row, features, np.zeros(4)).rows
    assert found[0] @ features[0].astype(np.float64) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("copies", [1, 2, 9])
def test_without_a_penalty_the_smallest_solution_is_taken_and_counted(copies: int) -> None:
    features = np.array([[1.0, 2.0, 2.0, 0.0]], dtype=np.float32)
    ones = np.ones(copies, dtype=np.float32)
    row = Equations(
        np.array([0, copies]), np.zeros(copies, dtype=np.int32), ones, ones, np.zeros(1), 0.0
    )
    found = solve_exactly(row, features, np.zeros(4))
    assert np.allclose(found.rows[0], features[0] / 9, atol=1e-6)
    assert found.singular.tolist() == [True]


@pytest.mark.parametrize("value", [0.0, 1e-20, 1e15])
@pytest.mark.parametrize("solve", [solve_exactly, lambda *t: descend(*t, np.zeros((1, 3)), 3)])
def test_values_of_any_size_give_numbers(solve, value: float) -> None:
    features = np.full((4, 3), value, dtype=np.float32)
    ones = np.ones(4, dtype=np.float32)
    row = Equations(np.array([0, 4]), np.arange(4, dtype=np.int32), ones, ones, np.ones(1), 0.0)
    assert np.isfinite(solve(row, features, np.zeros(3)).rows).all()


@pytest.mark.parametrize(
    "solve", [solve_exactly, lambda *t, **s: descend(*t[:3], np.zeros((12, 6)), 3, *t[3:], **s)]
)
def test_long_rows_are_added_up_in_spans(monkeypatch: pytest.MonkeyPatch, solve) -> None:
    monkeypatch.setattr(long_rows, "SPAN", 8)
    monkeypatch.setattr(long_rows, "_GROUP", 4)
    problem = Problem(5)
    counts = np.diff(problem.rows.indptr)
    assert (counts > 10).sum() >= 3
    found = solve(*problem.terms, None, 10)
    expected = problem.expected()
    assert np.allclose(found.rows[counts > 10], expected[counts > 10], atol=1e-4)
    assert np.allclose(found.losses[counts > 10], problem.losses(expected)[counts > 10], rtol=1e-3)
    # Spans that were added up elsewhere give the same to the last bit.
    rows, features, _ = problem.terms
    given = {
        int(row): long_rows.add_spans(
            [long_rows.sum_span(rows, features, row, at) for at in range(0, counts[row], 8)]
        )
        for row in np.flatnonzero(counts > 10)
    }
    again = solve(*problem.terms, given, 10)
    assert np.array_equal(again.rows, found.rows)


def test_a_span_behind_the_end_of_its_row_is_nothing() -> None:
    rows, features, _ = Problem(5).terms
    assert not long_rows.sum_span(rows, features, 0, 1 << 20).matrix.any()


@pytest.mark.parametrize("count", [1, 20, 60])  # of 64: fewer than features
@pytest.mark.parametrize("ridge", [1e-8, 1e-5, 1e-2])
def test_little_penalty_costs_no_digits(count: int, ridge: float) -> None:
    rng = np.random.default_rng(count)
    features = rng.normal(0, 0.3, (count, 64)).astype(np.float32)
    curvature = np.full(count, 400, dtype=np.float32)
    row = Equations(
        np.array([0, count]),
        np.arange(count, dtype=np.int32),
        curvature,
        curvature * rng.normal(1, 0.2, count).astype(np.float32),
        np.array([ridge]),
        0.0,
    )
    found = solve_exactly(row, features, np.zeros(64))
    z = features.astype(np.float64)
    expected = np.linalg.solve((z.T * 400.0) @ z + ridge * np.eye(64), z.T @ row.pull.astype(float))
    assert np.allclose(z @ found.rows[0], z @ expected, atol=2e-3)


def test_entries_that_weigh_nothing_still_pull() -> None:
    # alpha = 0: what was chosen counts no more than all else, as a preference of 1.
    row = Equations(
        np.array([0, 1]),
        np.zeros(1, dtype=np.int32),
        np.zeros(1, dtype=np.float32),
        np.ones(1, dtype=np.float32),
        np.array([1.0]),
        1.0,
    )
    found = solve_exactly(row, np.array([[1.0, 2.0]], dtype=np.float32), np.array([1.0, 3.0]))
    assert found.rows[0] == pytest.approx([0.5, 0.5], rel=1e-6)
