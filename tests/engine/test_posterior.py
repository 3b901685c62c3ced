"""Draws of rows and priors against what is known of their distributions."""

from __future__ import annotations

import numpy as np
import pytest

from toplists.engine.kernels.draws import derive_seed
from toplists.engine.kernels.gaussian_rows import Ratings, draw_rows
from toplists.engine.kernels.normal_wishart import (
    Moments,
    Prior,
    draw_noise_precision,
    draw_prior,
    draw_trust,
)

K = 3
# What the mean of each row's prior depends on, of six rows.
REGRESSORS = np.array([[1, 0.5], [1, -1], [1, 0], [1, 2], [1, 0.1], [1, -0.3]], dtype=np.float32)


def problem(rows: int = 6, seed: int = 0) -> tuple[Ratings, np.ndarray, Prior]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, rows)
    lengths[2] = 0  # a row without an entry
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    size = int(indptr[-1])
    ratings = Ratings(
        indptr,
        rng.integers(0, 20, size).astype(np.int32),
        rng.normal(0, 1, size).astype(np.float32),
        rng.uniform(0.5, 2, size).astype(np.float32),
    )
    root = rng.normal(0, 1, (K, K))
    prior = Prior(rng.normal(0, 1, (2, K)), root @ root.T + np.eye(K))
    return ratings, rng.normal(0, 1, (20, K)).astype(np.float32), prior


def test_rows_are_drawn_from_their_posterior() -> None:
    ratings, features, prior = problem()
    rng = np.random.default_rng(1)
    draws = np.array(
        [
            draw_rows(ratings, features, prior, REGRESSORS, 1.5, rng.normal(size=(6, K))).draws
            for _ in range(4000)
        ]
    )
    means = draw_rows(ratings, features, prior, REGRESSORS, 1.5, np.zeros((6, K))).means
    for row in (0, 1, 3, 4, 5):
        own = slice(ratings.indptr[row], ratings.indptr[row + 1])
        z = features[ratings.indices[own]].astype(np.float64)
        weighted = 1.5 * z.T * ratings.weights[own]
        precision = prior.precision + weighted @ z
        mean = REGRESSORS[row] @ prior.coefficients
        right = prior.precision @ mean + weighted @ ratings.residuals[own]
        assert means[row] == pytest.approx(np.linalg.solve(precision, right), abs=1e-5)
        assert draws[:, row].mean(axis=0) == pytest.approx(means[row], abs=0.06)
        assert np.cov(draws[:, row].T) == pytest.approx(np.linalg.inv(precision), abs=0.06)


def test_errors_are_those_of_the_draw() -> None:
    ratings, features, prior = problem()
    normals = np.random.default_rng(2).normal(size=(6, K))
    drawn = draw_rows(ratings, features, prior, REGRESSORS, 1.5, normals)
    rows = np.repeat(np.arange(6), np.diff(ratings.indptr))
    left = ratings.residuals - (drawn.draws[rows] * features[ratings.indices]).sum(axis=1)
    assert drawn.errors == pytest.approx(
        np.bincount(rows, ratings.weights * left**2, minlength=6), rel=1e-5
    )


def test_a_row_without_an_entry_is_zero() -> None:
    drawn = draw_rows(*problem(), REGRESSORS, 1.5, np.ones((6, K)))
    assert not drawn.draws[2].any()
    assert not drawn.means[2].any()


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    ratings, features, prior = problem()
    normals = np.random.default_rng(3).normal(size=(6, K))
    whole = draw_rows(ratings, features, prior, REGRESSORS, 1.5, normals)
    for row in range(6):
        alone = ratings._replace(indptr=ratings.indptr[row : row + 2])
        own = REGRESSORS[row : row + 1]
        drawn = draw_rows(alone, features, prior, own, 1.5, normals[row : row + 1])
        assert np.array_equal(drawn.draws[0], whole.draws[row])


def test_the_prior_is_drawn_around_what_the_rows_have_in_common() -> None:
    rng = np.random.default_rng(4)
    root = np.array([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 0.5]])
    regressors = np.column_stack((np.ones(5000), rng.normal(size=5000)))
    means = regressors @ np.array([[1.0, -2.0, 0.5], [0.3, 0.0, -0.7]])
    rows = means + rng.normal(size=(5000, K)) @ root.T
    moments = Moments(regressors.T @ regressors, regressors.T @ rows, rows.T @ rows)
    drawn = [draw_prior(moments, rng) for _ in range(500)]
    fitted = np.linalg.lstsq(regressors, rows, rcond=None)[0]
    coefficients = np.array([p.coefficients for p in drawn])
    assert coefficients.mean(axis=0) == pytest.approx(fitted, abs=0.01)
    covariance = np.cov((rows - regressors @ fitted).T)
    assert np.mean([p.precision for p in drawn], axis=0) == pytest.approx(
        np.linalg.inv(covariance), rel=0.05, abs=0.05
    )
    # Given the precision, the covariance of coefficients is its inverse over the number of rows.
    for own in (coefficients[:, 0], coefficients[:, 1]):
        assert np.cov(own.T) * len(rows) == pytest.approx(covariance, abs=0.2)


def test_without_rows_the_prior_is_the_paper_s() -> None:
    rng = np.random.default_rng(5)
    nothing = Moments(np.zeros((1, 1)), np.zeros((1, K)), np.zeros((K, K)))
    precisions = [draw_prior(nothing, rng).precision for _ in range(4000)]
    assert np.mean(precisions, axis=0) == pytest.approx(K * np.eye(K), abs=0.25)


def test_the_noise_is_drawn_around_what_was_left() -> None:
    rng = np.random.default_rng(6)
    drawn = [draw_noise_precision(1000, 250.0, rng) for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(4.0, rel=0.02)
    assert np.std(drawn) == pytest.approx(4 * np.sqrt(2 / 1000), rel=0.1)


def test_users_are_trusted_by_what_was_left_of_their_values() -> None:
    # Errors as expected, twice as large, and none seen yet.
    counts, errors = np.array([200.0, 200.0, 0.0]), np.array([50.0, 200.0, 0.0])
    normals = np.random.default_rng(7).normal(size=(4000, 3))
    drawn = np.array([draw_trust(counts, errors, 4.0, own) for own in normals])
    gamma = np.array([206 / 206, 206 / 806, 1.0])  # the mean of the posterior, and its deviation
    assert drawn.mean(axis=0) == pytest.approx(gamma, rel=0.03)
    spread = gamma * np.sqrt(2 / (counts + 6))
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.08)
    assert (drawn > 0).all()


def test_seeds_are_told_apart_by_their_names() -> None:
    seeds = {derive_seed(1, 2, "users"), derive_seed(1, 2, "items"), derive_seed(1, 22, "users")}
    seeds |= {derive_seed(12, 2, "users"), derive_seed(1, "2", "users", "prior")}
    assert len(seeds) == 5
    assert derive_seed(1, 2, "users") in seeds
