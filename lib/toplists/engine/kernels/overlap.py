"""How much two lists of the same user have in common.

Both measures look at prefixes: X_d is the number of items that the first d places of both lists share.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Lists = npt.NDArray[np.int32]

PERSISTENCE = 0.9
"""p of rank-biased overlap, unless another is given: the first ten places carry 86 % of the weight."""


def shared_prefixes(left: Lists, right: Lists) -> npt.NDArray[np.int64]:
    """X_d of every depth d from 1 to k.

    Args:
        left: int32[n_users, k], items from 0, best first, -1 behind the end of a list. Of an item that is
            there twice the first place counts.
        right: int32[n_users, k], likewise, of the same users.

    Returns:
        int64[n_users, k]
    """
    n_users, depth = left.shape
    items = max(int(left.max(initial=-1)), int(right.max(initial=-1))) + 1
    places, keys = _first_places(left, items)
    other_places, other_keys = _first_places(right, items)
    common, here, there = np.intersect1d(keys, other_keys, assume_unique=True, return_indices=True)
    deepest = np.maximum(places[here], other_places[there])
    at = common // max(1, items) * depth + deepest
    counts = np.bincount(at, minlength=n_users * depth).reshape(n_users, depth)
    return counts.cumsum(axis=1)


def _first_places(lists: Lists, items: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Place of every entry of every list, and user and item of it as one number that is there once."""
    users, places = np.nonzero(lists >= 0)
    keys = users.astype(np.int64) * items + lists[users, places]
    unique, first = np.unique(keys, return_index=True)
    return places[first], unique


def jaccard(left: Lists, right: Lists) -> npt.NDArray[np.float64]:
    """Items that both lists have, as a share of those that either has (Jaccard 1901); 1 for two empty lists.

    Arguments as `shared_prefixes`, whatever the order of items.

    Returns:
        float64[n_users], from 0 to 1.
    """
    shared = shared_prefixes(left, right)[:, -1]
    either = _lengths(left) + _lengths(right) - shared
    return np.where(either > 0, shared / np.maximum(either, 1), 1.0)


def rbo(left: Lists, right: Lists, persistence: float = PERSISTENCE) -> npt.NDArray[np.float64]:
    """Rank-biased overlap, extrapolated to lists without an end.

    RBO_EXT of Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", 2010, equation 32,
    which takes lists of two lengths. The mean of X_d / d over all depths, of which each weighs p times as much as the one before, where the
    lists go on as they are behind their ends. 1 for two empty lists, 0 if one is.

    Args:
        left: As in `shared_prefixes`.
        right: As in `shared_prefixes`.
        persistence: p, above 0 and below 1. The nearer to 1, the more the later places count.

    Returns:
        float64[n_users], from 0 to 1.
    """
    shared = shared_prefixes(left, right).astype(np.float64)
    lengths = np.stack([_lengths(left), _lengths(right)])
    short, long = lengths.min(axis=0)[:, np.newaxis], lengths.max(axis=0)[:, np.newaxis]
    depths = np.arange(1, left.shape[1] + 1)
    weights = np.where(depths <= long, persistence**depths, 0.0)
    in_short = _at(shared, short)
    # Behind the end of the shorter list it goes on to agree as far as it agreed up to there.
    going_on = np.where(
        depths > short, in_short * (depths - short) / (np.maximum(short, 1) * depths), 0.0
    )
    agreement = (weights * (shared / depths + going_on)).sum(axis=1)
    rest = (_at(shared, long) - in_short) / np.maximum(long, 1) + in_short / np.maximum(short, 1)
    overlap = (1.0 - persistence) / persistence * agreement + (rest * persistence**long)[:, 0]
    return np.where(long[:, 0] > 0, np.minimum(overlap, 1.0), 1.0)


def _lengths(lists: Lists) -> npt.NDArray[np.int64]:
    """How many different items each list has."""
    items = int(lists.max(initial=-1)) + 1
    _, keys = _first_places(lists, items)
    return np.bincount(keys // max(1, items), minlength=len(lists))


def _at(shared: npt.NDArray[np.float64], depth: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """X at a depth of each user, 0 at depth 0: float64[n_users, 1]."""
    return np.where(depth > 0, np.take_along_axis(shared, np.maximum(depth, 1) - 1, axis=1), 0.0)
