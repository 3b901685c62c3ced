"""Draws of rows, each from the Gaussian that its entries and the prior of its side leave of it.

Salakhutdinov and Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo",
2008. A row x with entries of residual r_j, weight w_j and features z_j, under the prior N(mean, precision⁻¹) with a
mean that may be of its own, and noise of precision α, has the normal equations

    (precision + α Σ_j w_j z_j z_jᵀ) m = precision mean + α Σ_j w_j r_j z_j,

whose solution m is the mean of a Gaussian and whose matrix is its precision. All arithmetic is float64:
a matrix drawn at random may be badly conditioned.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import summing
from toplists.engine.kernels.equations import Floats
from toplists.engine.kernels.normal_wishart import Doubles, Prior


class Ratings(NamedTuple):
    """The entries of rows, as residuals of what the fixed side predicts by itself.

    `indptr` int64[rows + 1] says where each row's entries begin and end, `indices` int32[entries] whose
    features an entry refers to; `residuals` float32[entries]; `weights` float32[entries] multiply the
    precision of the noise.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    residuals: Floats
    weights: Floats


class Drawn(NamedTuple):
    """Of every row: the mean, the draw and the weighted squared error that the draw leaves of its entries.

    `means` and `draws` float32[rows, k], `errors` float64[rows]; zeros for a row without entries.
    """

    means: Floats
    draws: Floats
    errors: Doubles


def draw_rows(
    rows: Ratings,
    features: Floats,
    prior: Prior,
    regressors: Floats,
    noise_precision: float,
    normals: Doubles,
) -> Drawn:
    """Draw every row from its Gaussian.

    A row's result depends on its own entries and normals alone.

    Args:
        rows: The rows.
        features: float32[n, k].
        prior: The prior of the rows.
        regressors: float32[rows, d], what the mean of each row's prior depends on.
        noise_precision: α, above 0.
        normals: float64[rows, k], standard normal.
    """
    shape = normals.shape
    drawn = Drawn(
        np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32), np.zeros(shape[0])
    )
    # A product of matrices would not promise that a row's digits are the same whatever rows are there.
    terms = regressors[:, :, np.newaxis] * (prior.coefficients @ prior.precision)
    pulls = terms.sum(axis=1)
    _draw_rows(rows, features, prior.precision, pulls, noise_precision, normals, drawn)
    return drawn


@summing
def _draw_rows(
    rows: Ratings,
    features: Floats,
    prior: Doubles,
    prior_pulls: Doubles,
    noise_precision: float,
    normals: Doubles,
    drawn: Drawn,
) -> None:
    k = len(prior)
    matrix = np.empty((k, k))
    mean = np.empty(k)
    draw = np.empty(k)
    for row in range(len(rows.indptr) - 1):
        first, last = rows.indptr[row], rows.indptr[row + 1]
        if first == last:
            continue
        pull = prior_pulls[row]
        _set_up(rows, first, last, features, prior, pull, noise_precision, matrix, mean)
        _factorize(matrix)
        # With the matrix L Lᵀ: mean = L⁻ᵀ (L⁻¹ right), draw = L⁻ᵀ (L⁻¹ right + normals).
        _substitute_forwards(matrix, mean)
        for p in range(k):
            draw[p] = mean[p] + normals[row, p]
        _substitute_backwards(matrix, mean)
        _substitute_backwards(matrix, draw)
        for p in range(k):
            drawn.means[row, p] = mean[p]
            drawn.draws[row, p] = draw[p]
        error = 0.0
        for entry in range(first, last):
            left = np.float64(rows.residuals[entry])
            for p in range(k):
                left -= draw[p] * features[rows.indices[entry], p]
            error += rows.weights[entry] * left * left
        drawn.errors[row] = error


@summing
def _set_up(
    rows: Ratings,
    first: int,
    last: int,
    features: Floats,
    prior: Doubles,
    prior_pull: Doubles,
    noise_precision: float,
    matrix: Doubles,
    right: Doubles,
) -> None:
    """The lower triangle of a row's matrix, and its right side."""
    k = len(right)
    matrix[:] = 0
    right[:] = 0
    for entry in range(first, last):
        index = rows.indices[entry]
        residual = rows.residuals[entry]
        weight = np.float64(rows.weights[entry])
        for p in range(k):
            weighted = weight * features[index, p]
            right[p] += residual * weighted
            for q in range(p + 1):
                matrix[p, q] += weighted * features[index, q]
    for p in range(k):
        right[p] = prior_pull[p] + noise_precision * right[p]
        for q in range(p + 1):
            matrix[p, q] = prior[p, q] + noise_precision * matrix[p, q]


@summing
def _factorize(matrix: Doubles) -> None:
    """Cholesky in place, with the reciprocals of the diagonal, which is what substituting needs."""
    for i in range(len(matrix)):
        for j in range(i):
            dot = matrix[i, j]
            for p in range(j):
                dot -= matrix[i, p] * matrix[j, p]
            matrix[i, j] = dot * matrix[j, j]
        pivot = matrix[i, i]
        for p in range(i):
            pivot -= matrix[i, p] * matrix[i, p]
        matrix[i, i] = 1.0 / np.sqrt(pivot)


@summing
def _substitute_forwards(root: Doubles, right: Doubles) -> None:
    for i in range(len(right)):
        total = right[i]
        for p in range(i):
            total -= root[i, p] * right[p]
        right[i] = total * root[i, i]


@summing
def _substitute_backwards(root: Doubles, right: Doubles) -> None:
    for i in range(len(right) - 1, -1, -1):
        right[i] *= root[i, i]
        for p in range(i):
            right[p] -= root[i, p] * right[i]
