"""Bootstrap intervals of ratios of sums over users, computed where the users are.

A figure is a sum of numerators over a sum of denominators: a mean over users where the denominators are 0
(does not count) and 1, or a ratio such as the mean squared error of pairs of user and item (the ratio
estimator: Cochran, "Sampling techniques", 1977, ch. 6).

The Poisson bootstrap (Hanley & MacGibbon, "Creating non-parametric bootstrap samples using Poisson
frequencies", 2006; Chamandy et al., "Estimating uncertainty for massive data streams", Google 2012)
replaces drawing n users out of n by giving each user an independent Poisson(1) weight in each
resample. No task needs to know of any other user, so every block is summed by itself.

The result does not depend on how users are cut into blocks, on their order, or on retries:

- A weight is a function of seed, user and resample only: see `toplists.engine.kernels.draws`.
- Numerators are rounded to integers of a unit before they are summed, and sums of integers are exact in
  any order. The unit of a column is the power of two that makes the most that one user can have about
  2^32: for shares 2^-32, which moves a mean by at most 2^-33. The bounds are therefore given by whoever knows
  the scale of all blocks, not taken from a block. Denominators are whole numbers as they are.

All figures that share the users share the weights, so a difference of two resampled figures is the
paired bootstrap of their difference.
"""

from __future__ import annotations

from math import exp, factorial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.draws import random_bits

_UNIT_BITS = 32
_MOST_UNITS = 2.0**_UNIT_BITS
_DRAWS_PER_WORD = 4
_WEIGHTS_PER_CHUNK = 2_000_000
# 2^32 units x weight 8 x 2^18 users = 2^53: up to here float64 products and sums are exact integers.
_USERS_PER_CHUNK = 2**18


def _poisson_table() -> npt.NDArray[np.uint8]:
    """Poisson(1) quantile of each of the 65,536 values of a 16-bit draw."""
    cumulative = np.cumsum([exp(-1.0) / factorial(count) for count in range(12)])
    thresholds = np.rint(cumulative * 65536)
    return np.searchsorted(thresholds, np.arange(65536), side="right").astype(np.uint8)


_POISSON = _poisson_table()


def poisson_weights(
    user_hashes: npt.NDArray[np.uint64], resamples: int, seed: int
) -> npt.NDArray[np.uint8]:
    """How often each user was drawn in each resample.

    Args:
        user_hashes: uint64[n_users], well-mixed hashes of the external ids (`hash_ids`).
        resamples: Number of resamples. A longer series begins with the shorter one.
        seed: Seed of the whole bootstrap, from 0 below 2^64.

    Returns:
        uint8[n_users, resamples], Poisson(1) to a resolution of 2^-16 (so at most 8).
    """
    words = -(-resamples // _DRAWS_PER_WORD)
    bits = random_bits(user_hashes, words, seed).astype("<u8", copy=False)
    weights: npt.NDArray[np.uint8] = _POISSON[bits.view("<u2")[:, :resamples]]
    return weights


class Sums(NamedTuple):
    """Sums over users, for the sample itself (row 0: every user once) and for every resample.

    Attributes:
        numerators: int64[1 + resamples, n_columns], in the units of the columns.
        denominators: int64[1 + resamples, n_columns].
        users: int64[n_columns], users who count, each once.
    """

    numerators: npt.NDArray[np.int64]
    denominators: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]

    def plus(self, others: Sums) -> Sums:
        """The sums over both."""
        return Sums(*(mine + theirs for mine, theirs in zip(self, others, strict=True)))


def no_sums(resamples: int, columns: int) -> Sums:
    """Sums over nobody."""
    shape = (1 + resamples, columns)
    return Sums(
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        np.zeros(columns, dtype=np.int64),
    )


def partial_sums(
    numerators: npt.NDArray[np.float64],
    denominators: npt.NDArray[np.float64],
    user_hashes: npt.NDArray[np.uint64],
    resamples: int,
    seed: int,
    bounds: npt.NDArray[np.float64],
) -> Sums:
    """Sums of a block of users, for the sample itself and for every resample.

    Add the results of all blocks, in any order, before `resampled_means`. They hold up to 2^30
    users; memory beside the arguments is about 40 MB.

    Args:
        numerators: float64[n_users, n_columns], 0 where the denominator is.
        denominators: float64[n_users, n_columns], whole numbers from 0 to 2^32; 0 = does not count.
        user_hashes: uint64[n_users], see `poisson_weights`.
        resamples: Number of resamples.
        seed: Seed of the bootstrap.
        bounds: float64[n_columns], above 0: the most that a numerator can be, up or down. The same for
            all blocks.

    Raises:
        ValueError: a numerator is beyond its bound or of somebody who does not count, a denominator is no
            such number, or the lengths differ.
    """
    _check(numerators, denominators, user_hashes, bounds)
    users, columns = numerators.shape
    sums = no_sums(resamples, columns)
    sums.users[:] = np.count_nonzero(denominators, axis=0)
    # Most columns share the users who count: each set of denominators is summed once.
    distinct, which = _distinct(denominators)
    drawn = np.zeros((1 + resamples, distinct.shape[1]), dtype=np.int64)
    units = _units(bounds)
    chunk = min(_USERS_PER_CHUNK, max(1, _WEIGHTS_PER_CHUNK // resamples))
    for start in range(0, users, chunk):
        part = slice(start, start + chunk)
        whole = np.rint(numerators[part] / units)
        weights = poisson_weights(user_hashes[part], resamples, seed).T.astype(np.float64)
        sums.numerators[0] += whole.sum(axis=0).astype(np.int64)
        sums.numerators[1:] += (weights @ whole).astype(np.int64)
        drawn[0] += distinct[part].sum(axis=0).astype(np.int64)
        drawn[1:] += (weights @ distinct[part]).astype(np.int64)
    sums.denominators[:] = drawn[:, which]
    return sums


def _check(
    numerators: npt.NDArray[np.float64],
    denominators: npt.NDArray[np.float64],
    user_hashes: npt.NDArray[np.uint64],
    bounds: npt.NDArray[np.float64],
) -> None:
    if len(numerators) != len(user_hashes):
        raise ValueError(f"numerators of {len(numerators)} users, but hashes of {len(user_hashes)}")
    if numerators.shape != denominators.shape or numerators.shape[1:] != bounds.shape:
        raise ValueError(
            f"numerators of shape {numerators.shape}, denominators of shape {denominators.shape} and "
            f"bounds of shape {bounds.shape} do not belong together"
        )
    if not np.all((denominators >= 0) & (denominators <= _MOST_UNITS)) or np.any(
        denominators != np.rint(denominators)
    ):
        raise ValueError("denominators must be whole numbers from 0 to 2^32")
    if not np.all(np.abs(numerators) <= np.where(denominators > 0, bounds, 0.0)):
        raise ValueError(
            "numerators must be numbers within their bounds, and 0 where the denominator is"
        )


def _units(bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Powers of two of which each bound has more than 2^31, and 2^32 at most."""
    mantissa, exponent = np.frexp(bounds)
    units: npt.NDArray[np.float64] = np.ldexp(1.0, exponent - (mantissa == 0.5) - _UNIT_BITS)
    return units


def _distinct(
    columns: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The columns without repetitions, and which of them each column is."""
    numbers: dict[bytes, int] = {}
    which = [numbers.setdefault(column.tobytes(), len(numbers)) for column in columns.T]
    first = [which.index(number) for number in range(len(numbers))]
    return np.ascontiguousarray(columns[:, first]), np.array(which, dtype=np.int64)


def resampled_means(
    sums: Sums, bounds: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Numerators over denominators, from sums over all blocks.

    Args:
        sums: Over all users.
        bounds: float64[n_columns], those with which they were summed.

    Returns:
        `mean` float64[n_columns] of the sample, NaN where nobody counts; and `resampled` float64[resamples,
        n_columns], NaN where a resample drew nobody who counts (a share of about e^-users).
    """
    means = np.full(sums.numerators.shape, np.nan)
    np.divide(sums.numerators, sums.denominators, out=means, where=sums.denominators > 0)
    means *= _units(bounds)
    return means[0], means[1:]


def interval(
    resampled: npt.NDArray[np.float64], confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The percentile interval (Efron & Tibshirani, "An introduction to the bootstrap", ch. 13).

    Args:
        resampled: float64[n, n_columns], resampled figures or differences of them; NaN says nothing.
        confidence: Probability the interval is meant to cover, such as 0.95.

    Returns:
        Lower and upper end, float64[n_columns] each; NaN where no resample says anything.
    """
    tail = (1.0 - confidence) / 2.0
    ends = np.full((2, resampled.shape[1]), np.nan)
    for column, figures in enumerate(resampled.T):
        known = figures[~np.isnan(figures)]
        if len(known):
            ends[:, column] = np.quantile(known, [tail, 1.0 - tail])
    return ends[0], ends[1]
