"""Draws of what the rows of a side have in common: their mean, their precision, the noise around them.

Salakhutdinov and Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo",
2008. The mean of a row may depend on what is known of it: a regression of the rows on d regressors, of which
the first is 1. Numpy only, float64: one draw per side and round, wherever the rounds are led from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_MEAN_WEIGHT = 2.0
_TRUST_DEGREES = 6.0
"""How alike users' noise is: as if so many values had been seen of each before the first."""


class Prior(NamedTuple):
    """What the rows of a side have in common.

    The mean of a row is the product of its regressors and `coefficients` float64[d, k]; `precision`
    float64[k, k] is that of all.
    """

    coefficients: Doubles
    precision: Doubles


class Moments(NamedTuple):
    """Sums over the rows x of a side with the regressors f, of which the first is 1.

    `regressors` float64[d, d] of f fᵀ, `crossed` float64[d, k] of f xᵀ, `products` float64[k, k] of x xᵀ.
    """

    regressors: Doubles
    crossed: Doubles
    products: Doubles


def draw_prior(moments: Moments, random: np.random.Generator) -> Prior:
    """Draw a side's coefficients and precision from their Normal–Wishart posterior.

    The prior of both is that of the paper: coefficients 0 with weight 2, Wishart of scale I and k degrees of
    freedom, which is soon outweighed. The Wishart draw is by Bartlett's decomposition (1933).
    """
    d, k = moments.crossed.shape
    n = moments.regressors[0, 0]
    weights = moments.regressors + _MEAN_WEIGHT * np.eye(d)
    expected = np.linalg.solve(weights, moments.crossed)
    scatter = moments.products - moments.crossed.T @ expected
    # The inverse scale is RᵀR with R upper triangular, so a root of the scale is R⁻¹.
    upper = np.linalg.cholesky(np.eye(k) + scatter).T
    bartlett = np.tril(random.standard_normal((k, k)), -1)
    bartlett += np.diag(np.sqrt(random.chisquare(n + k - np.arange(k))))
    root = np.linalg.solve(upper, bartlett)
    precision = root @ root.T
    normals = np.linalg.solve(np.linalg.cholesky(weights).T, random.standard_normal((d, k)))
    deviation = np.linalg.solve(root.T, normals.T).T
    return Prior(expected + deviation, precision)


def draw_noise_precision(count: int, error: float, random: np.random.Generator) -> float:
    """Draw α from its Gamma posterior.

    Args:
        count: Number of entries.
        error: The sum of their squared errors.
        random: Where the draw comes from.
    """
    return float(random.gamma((1.0 + count) / 2.0) * 2.0 / (1.0 + error))


def draw_trust(counts: Doubles, errors: Doubles, precision: float, normals: Doubles) -> Doubles:
    """Draw how many times as precise the values of each user are, from its Gamma posterior.

    Lakshminarayanan, Bouchard and Archambeau, "Robust Bayesian matrix factorisation", AISTATS 2011. Wilson and
    Hilferty's cube of a normal (1931) stands for the draw, so that one normal of each user's own is enough.

    Args:
        counts: float64[users], the number of values of each.
        errors: float64[users], the sum of their squared errors.
        precision: That of the noise of somebody who is trusted as much as all.
        normals: float64[users], standard normal.
    """
    degrees = counts + _TRUST_DEGREES
    spread = 2.0 / (9.0 * degrees)
    roots = np.maximum(1.0 - spread + normals * np.sqrt(spread), 0.1)
    trust: Doubles = degrees * roots**3 / (_TRUST_DEGREES + precision * errors)
    return trust
