"""Steps of stochastic gradients against the same steps one by one."""

from __future__ import annotations

import numpy as np
import pytest

from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.rating_steps import Step, descend_ratings, descend_with_feedback
from toplists.engine.kernels.visits import Visits, random_visits

K, COLUMNS = 3, 12
STEP = Step(mean=2.5, rate=0.1, penalty=0.3)
SEED = 7


def some_entries(rows: int = 6, seed: int = 0) -> Entries:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, COLUMNS, rows)
    lengths[2] = 0  # a row without an entry
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    columns = [np.sort(rng.choice(COLUMNS, length, replace=False)) for length in lengths]
    return Entries(
        indptr,
        np.concatenate(columns).astype(np.int32),
        rng.normal(2.5, 1, indptr[-1]).astype(np.float32),
        rng.uniform(0.5, 2, indptr[-1]).astype(np.float32),
    )


def vectors(rows: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, (rows, width)).astype(np.float32)


def in_order(entries: Entries, visits: Visits) -> list[tuple[int, int]]:
    """`(row, entry)` as they are visited."""
    return [
        (row, entry)
        for row in visits.rows.tolist()
        for entry in visits.entries[entries.indptr[row] : entries.indptr[row + 1]].tolist()
    ]


def test_every_entry_is_visited_once_with_its_row() -> None:
    entries = some_entries()
    visited = in_order(entries, random_visits(entries.indptr, np.uint64(SEED)))
    rows = np.repeat(np.arange(6), np.diff(entries.indptr))
    assert sorted(visited, key=lambda visit: visit[1]) == list(
        zip(rows.tolist(), range(len(rows)), strict=True)
    )
    other = in_order(entries, random_visits(entries.indptr, np.uint64(SEED + 1)))
    assert len({tuple(visited), tuple(other), tuple(sorted(visited))}) == 3


def test_all_orders_of_a_row_are_equally_likely() -> None:
    indptr = np.array([0, 3])
    orders = [
        tuple(random_visits(indptr, np.uint64(seed)).entries.tolist()) for seed in range(3000)
    ]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 420
    assert max(counts) < 580


def test_steps_on_ratings_are_those_of_the_formula() -> None:
    entries = some_entries()
    rows, columns = vectors(6, K + 1, 1), vectors(COLUMNS, K + 1, 2)
    x, y = rows.astype(np.float64), columns.astype(np.float64)
    loss = descend_ratings(entries, rows, columns, STEP, SEED)
    expected = 0.0
    for row, entry in in_order(entries, random_visits(entries.indptr, np.uint64(SEED))):
        u, v = x[row].copy(), y[entries.indices[entry]].copy()
        weight = entries.weights[entry]
        error = entries.values[entry] - STEP.mean - u[K] - v[K] - u[:K] @ v[:K]
        expected += weight * error**2
        x[row, :K] += STEP.rate * (weight * error * v[:K] - STEP.penalty * u[:K])
        x[row, K] += STEP.rate * (weight * error - STEP.penalty * u[K])
        y[entries.indices[entry], :K] += STEP.rate * (weight * error * u[:K] - STEP.penalty * v[:K])
        y[entries.indices[entry], K] += STEP.rate * (weight * error - STEP.penalty * v[K])
    assert rows == pytest.approx(x, abs=1e-5)
    assert columns == pytest.approx(y, abs=1e-5)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_steps_with_feedback_are_those_of_the_formula() -> None:
    """Of rows that have all their entries here, as Koren has it: every rating moves every vector of its row."""
    entries = some_entries()
    rows, columns = vectors(6, K + 1, 1), vectors(COLUMNS, 2 * K + 1, 2)
    x, y = rows.astype(np.float64), columns.astype(np.float64)
    counts, others = np.diff(entries.indptr), np.zeros((6, K), dtype=np.float32)
    loss = descend_with_feedback(entries, counts, others, rows, columns, STEP, SEED)
    expected = 0.0
    for row, entry in in_order(entries, random_visits(entries.indptr, np.uint64(SEED))):
        rated = entries.indices[entries.indptr[row] : entries.indptr[row + 1]]
        u, v = x[row].copy(), y[entries.indices[entry]].copy()
        whole = u[:K] + y[rated, K + 1 :].sum(axis=0) / np.sqrt(len(rated))
        weight = entries.weights[entry]
        error = entries.values[entry] - STEP.mean - u[K] - v[K] - whole @ v[:K]
        expected += weight * error**2
        x[row, :K] += STEP.rate * (weight * error * v[:K] - STEP.penalty * u[:K])
        x[row, K] += STEP.rate * (weight * error - STEP.penalty * u[K])
        column = y[entries.indices[entry]]
        column[:K] += STEP.rate * (weight * error * whole - STEP.penalty * v[:K])
        column[K] += STEP.rate * (weight * error - STEP.penalty * v[K])
        pull = weight * error * v[:K] / np.sqrt(len(rated))
        y[rated, K + 1 :] += STEP.rate * (pull - STEP.penalty * y[rated, K + 1 :])
    assert rows == pytest.approx(x, abs=1e-5)
    assert columns == pytest.approx(y, abs=1e-5)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_columns_elsewhere_are_part_of_a_row() -> None:
    """A row of two columns, one of them elsewhere: what that contributes counts, and the step is twice as long."""
    one = np.array([1.0], dtype=np.float32)
    entries = Entries(np.array([0, 1]), np.array([0], dtype=np.int32), 3 * one, one)
    rows, columns = np.zeros((1, 2), dtype=np.float32), np.array([[1, 0, 0.5]], dtype=np.float32)
    step = Step(mean=2.0, rate=0.1, penalty=0.0)
    loss = descend_with_feedback(
        entries, np.array([2]), np.array([[0.25]], dtype=np.float32), rows, columns, step, SEED
    )
    error = 1 - 0.25 - 0.5 / np.sqrt(2)
    assert loss == pytest.approx(error**2)
    assert columns[0, 2] == pytest.approx(0.5 + 2 * 0.1 * error / np.sqrt(2))
