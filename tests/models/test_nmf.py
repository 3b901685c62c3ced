"""Non-negative matrix factorization: its steps, and what it ends in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.alternation import Alternation, AlternationResult, alternate_by
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.multiplicative import multiply
from toplists.engine.shapes import Factors, open_vectors
from toplists.models.nmf import NonNegative

N_USERS, N_ITEMS, K = 70, 66, 3
CUTS = ([64], [64])  # multiples of CHUNK_ROWS


def ratings(share: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """`(rated, all)`: products of vectors that are not negative; NaN where not rated."""
    rng = np.random.default_rng(3)
    values = rng.gamma(1, 1, (N_USERS, 2)) @ rng.gamma(1, 1, (N_ITEMS, 2)).T
    return np.where(rng.random(values.shape) < share, values, np.nan), values


def fit(values: np.ndarray, folder: Path, iterations: int = 5, **how: object) -> AlternationResult:
    users, items = write_blocks(folder / "blocks", values, **how)
    objective = NonNegative(2, 1e-4, 42, "all")
    blocks = {"users": users, "items": items}
    fit = Alternation(blocks, objective, "multiplicative", iterations, over_relaxation=False)
    return alternate_by(fit, folder / "model", write_parts_here)


def stacked(shape: Factors) -> tuple[np.ndarray, np.ndarray]:
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users, items


def equations(rows: int = 5, columns: int = 9) -> tuple[Equations, np.ndarray]:
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, columns, rows)
    lengths[2] = 0  # a row without an entry
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    indices = np.concatenate([np.sort(rng.permutation(columns)[:length]) for length in lengths])
    curvature = rng.uniform(0.5, 2, indptr[-1]).astype(np.float32)
    pull = (curvature * rng.uniform(0, 5, indptr[-1])).astype(np.float32)
    features = rng.uniform(0, 1, (columns, K)).astype(np.float32)
    ridge = 0.3 * lengths
    return Equations(indptr, indices.astype(np.int32), curvature, pull, ridge, 0.0), features


@pytest.mark.parametrize("longest", [100, 0])  # none of the rows is long; all are
def test_a_step_is_that_of_the_formula(longest: int) -> None:
    rows, features = equations()
    start = np.random.default_rng(2).uniform(0, 1, (5, K)).astype(np.float32)
    start[3] = 0  # not begun yet
    solved = multiply(rows, features, start, None, longest)
    for row in range(5):
        own = slice(rows.indptr[row], rows.indptr[row + 1])
        z = features[rows.indices[own]].astype(np.float64)
        if len(z) == 0:
            assert not solved.rows[row].any()
            continue
        x = np.ones(K) if row == 3 else start[row].astype(np.float64)
        up = z.T @ rows.pull[own]
        x = x * up / (z.T @ (rows.curvature[own] * (z @ x)) + rows.ridge[row] * x)
        assert solved.rows[row] == pytest.approx(x, rel=1e-4)
        errors = rows.pull[own] / rows.curvature[own] - z @ x
        loss = (rows.curvature[own] * errors**2).sum() + rows.ridge[row] * x @ x
        assert solved.losses[row] == pytest.approx(loss, rel=1e-4)


def test_it_predicts_what_was_not_rated_by_vectors_that_are_not_negative(tmp_path: Path) -> None:
    rated, values = ratings()
    result = fit(rated, tmp_path, 60)
    users, items = stacked(result.factors)
    assert users.min() >= 0
    assert items.min() >= 0
    unseen = np.isnan(rated)
    errors = (users @ items.T - values)[unseen]
    assert np.sqrt(np.mean(errors**2)) < 0.1 * np.std(values[unseen])
    assert (np.diff(result.objective) <= 0).all()


def test_blocks_change_nothing(tmp_path: Path) -> None:
    rated, _ = ratings()
    one = stacked(fit(rated, tmp_path / "whole").factors)
    other = stacked(fit(rated, tmp_path / "cut", cuts=CUTS).factors)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_value_below_zero_is_taken_for_zero(tmp_path: Path) -> None:
    rated, _ = ratings()
    rated[0] = -1.0
    users, items = stacked(fit(rated, tmp_path).factors)
    assert np.isfinite(users).all()
    assert items.min() >= 0
    assert users[0].max() == 0
