"""Bootstrap intervals of means over users, computed where the users are.

The Poisson bootstrap (Hanley & MacGibbon, "Creating non-parametric bootstrap samples using Poisson
frequencies", 2006; Chamandy et al., "Estimating uncertainty for massive data streams", Google 2012)
replaces drawing n users out of n by giving each user an independent Poisson(1) weight in each
resample. No task needs to know of any other user, so every block is summed by itself.

The result does not depend on how users are cut into blocks, on their order, or on retries:

- A weight is a function of seed, user and resample only: see `toplists.engine.kernels.draws`.
- Values are rounded to integers of 2^-32 before they are summed, and sums of integers are exact in
  any order. Rounding moves a mean by at most 2^-33.

All figures that share the users share the weights, so a difference of two resampled means is the
paired bootstrap of their difference.
"""

from __future__ import annotations

from math import exp, factorial

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.draws import random_bits

_UNIT = 2.0**-32
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


def partial_sums(
    values: npt.NDArray[np.float64],
    user_hashes: npt.NDArray[np.uint64],
    resamples: int,
    seed: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sums of a block of users, for the sample itself and for every resample.

    Add the results of all blocks, in any order, before `resampled_means`. They hold up to 2^30
    users; memory beside the arguments is about 40 MB.

    Args:
        values: float64[n_users, n_columns], each between -1 and 1.
        user_hashes: uint64[n_users], see `poisson_weights`.
        resamples: Number of resamples.
        seed: Seed of the bootstrap.

    Returns:
        `sums` int64[1 + resamples, n_columns] in units of 2^-32, and `counts` int64[1 + resamples],
        the users drawn. Row 0 is the sample itself: every user once.

    Raises:
        ValueError: a value is not between -1 and 1, or the lengths differ.
    """
    if len(values) != len(user_hashes):
        raise ValueError(f"values of {len(values)} users, but hashes of {len(user_hashes)}")
    if not np.all(np.abs(values) <= 1.0):
        raise ValueError("values must be numbers between -1 and 1")
    sums = np.zeros((1 + resamples, values.shape[1]), dtype=np.int64)
    counts = np.zeros(1 + resamples, dtype=np.int64)
    chunk = min(_USERS_PER_CHUNK, max(1, _WEIGHTS_PER_CHUNK // resamples))
    for start in range(0, len(values), chunk):
        part = slice(start, start + chunk)
        units = np.rint(values[part] / _UNIT)
        weights = poisson_weights(user_hashes[part], resamples, seed)
        sums[0] += units.sum(axis=0).astype(np.int64)
        sums[1:] += (weights.T.astype(np.float64) @ units).astype(np.int64)
        counts[0] += len(units)
        counts[1:] += weights.sum(axis=0, dtype=np.int64)
    return sums, counts


def resampled_means(
    sums: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means over users, from sums over all blocks.

    Returns:
        `mean` float64[n_columns] of the sample, and `resampled` float64[n, n_columns] of the n
        resamples that drew anybody (all but a share of e^-users).

    Raises:
        ValueError: there is no user, so there is no mean.
    """
    if counts[0] == 0:
        raise ValueError("a mean over no users does not exist")
    drawn = counts > 0
    means = sums[drawn] * _UNIT / counts[drawn, np.newaxis]
    return means[0], means[1:]


def interval(
    resampled: npt.NDArray[np.float64], confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The percentile interval (Efron & Tibshirani, "An introduction to the bootstrap", ch. 13).

    Args:
        resampled: float64[n, n_columns], resampled means or differences of them.
        confidence: Probability the interval is meant to cover, such as 0.95.

    Returns:
        Lower and upper end, float64[n_columns] each.
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    return low, high
