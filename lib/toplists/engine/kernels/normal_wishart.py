"""Draws of what the rows of a side have in common: their mean, their precision, the noise around them.

Salakhutdinov and Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo",
2008. Numpy only, float64: one draw per side and round, wherever the rounds are led from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_MEAN_WEIGHT = 2.0


class Prior(NamedTuple):
    """What the rows of a side have in common: `mean` float64[k], `precision` float64[k, k]."""

    mean: Doubles
    precision: Doubles


class Moments(NamedTuple):
    """Sums over the rows of a side: `rows` their number, `total` float64[k] of x, `products` float64[k, k] of x xᵀ."""

    rows: int
    total: Doubles
    products: Doubles


def draw_prior(moments: Moments, random: np.random.Generator) -> Prior:
    """Draw a side's mean and precision from their Normal–Wishart posterior.

    The prior of both is that of the paper: mean 0 with weight 2, Wishart of scale I and k degrees of
    freedom, which is soon outweighed. The Wishart draw is by Bartlett's decomposition (1933).
    """
    k, n = len(moments.total), moments.rows
    weight = n + _MEAN_WEIGHT
    scatter = moments.products - np.outer(moments.total, moments.total) / weight
    # The inverse scale is RᵀR with R upper triangular, so a root of the scale is R⁻¹.
    upper = np.linalg.cholesky(np.eye(k) + scatter).T
    bartlett = np.tril(random.standard_normal((k, k)), -1)
    bartlett += np.diag(np.sqrt(random.chisquare(n + k - np.arange(k))))
    root = np.linalg.solve(upper, bartlett)
    precision = root @ root.T
    deviation = np.linalg.solve(root.T, random.standard_normal(k)) / np.sqrt(weight)
    return Prior(moments.total / weight + deviation, precision)


def draw_noise_precision(count: int, error: float, random: np.random.Generator) -> float:
    """Draw α from its Gamma posterior.

    Args:
        count: Number of entries.
        error: The sum of their squared errors.
        random: Where the draw comes from.
    """
    return float(random.gamma((1.0 + count) / 2.0) * 2.0 / (1.0 + error))
