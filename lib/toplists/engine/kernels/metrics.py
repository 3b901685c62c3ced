"""Ranking metrics of many users' lists at once, with binary relevance.

With `hit(u, r)` = 1 where the item at rank r (from 1) of user u's list is one of the user's held-out
items `T(u)`, and cutoff k:

- `hit_rate@k` = 1 if any `hit(u, r)` with r <= k, else 0. Deshpande & Karypis, "Item-based top-N
  recommendation algorithms", TOIS 2004.
- `recall@k` = `sum of hit(u, r) for r <= k` / `|T(u)|`. The denominator is not capped at k, so with
  more than k held-out items a perfect list stays below 1.
- `ndcg@k` = `DCG / ideal DCG`, `DCG = sum of hit(u, r) / log2(r + 1) for r <= k`; the ideal list has
  hits at its first `min(k, |T(u)|)` ranks. Järvelin & Kekäläinen, "Cumulated gain-based evaluation
  of IR techniques", TOIS 2002.

A figure depends on its own user's list and held-out items only, bit for bit, not on the other users
of the block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

KINDS = ("hit_rate", "recall", "ndcg")
CUTOFFS = (10, 50)


def metric_names(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """Names such as `ndcg@10`, in the order in which every table of figures has them."""
    return tuple(f"{kind}@{cutoff}" for cutoff in cutoffs for kind in KINDS)


METRICS = metric_names(CUTOFFS)


def list_metrics(
    lists: npt.NDArray[np.int32],
    truth_indptr: npt.NDArray[np.int64],
    truth_items: npt.NDArray[np.int32],
    cutoffs: Sequence[int] = CUTOFFS,
) -> dict[str, npt.NDArray[np.float64]]:
    """Every metric at every cutoff, for each user of a block.

    Args:
        lists: int32[n_users, depth], item positions best first, padded with -1 at the end; a user
            without a list has -1 only, and scores 0. `depth` is at least the largest cutoff.
        truth_indptr: int64[n_users + 1], where each user's held-out items begin and end.
        truth_items: int32[n_truth], held-out item positions, ascending within a user, none twice.
        cutoffs: Values of k, each at least 1.

    Returns:
        float64[n_users] per name, in the order of `metric_names(cutoffs)`.

    Raises:
        ValueError: a user has no held-out item (nothing can be measured, and a mean over zeros
            would hide it), the arrays contradict the contract above, or a list repeats a hit.
    """
    _check(lists, truth_indptr, truth_items, cutoffs)
    n_users = len(lists)
    relevant = np.diff(truth_indptr)
    users, ranks = _hits(lists, relevant, truth_items)
    discounts = 1.0 / np.log2(np.arange(2, max(cutoffs) + 2))
    ideal = np.cumsum(discounts)

    result: dict[str, npt.NDArray[np.float64]] = {}
    for cutoff in cutoffs:
        early = ranks < cutoff
        hitting = users[early]
        hits = np.bincount(hitting, minlength=n_users)
        # bincount adds in the order given, which is by rank: the same sum in any block, and the
        # same as the ideal's where every rank is a hit.
        gains = np.bincount(hitting, weights=discounts[ranks[early]], minlength=n_users)
        result[f"hit_rate@{cutoff}"] = (hits > 0).astype(np.float64)
        result[f"recall@{cutoff}"] = hits / relevant
        result[f"ndcg@{cutoff}"] = gains / ideal[np.minimum(relevant, cutoff) - 1]
    return result


def _check(
    lists: npt.NDArray[np.int32],
    truth_indptr: npt.NDArray[np.int64],
    truth_items: npt.NDArray[np.int32],
    cutoffs: Sequence[int],
) -> None:
    if not cutoffs or min(cutoffs) < 1:
        raise ValueError(f"cutoffs must be 1 or more, got {tuple(cutoffs)}")
    if lists.ndim != 2 or lists.shape[1] < max(cutoffs):
        raise ValueError(
            f"lists of shape {lists.shape} cannot be judged at {max(cutoffs)}; pad them with -1"
        )
    if len(truth_indptr) != len(lists) + 1:
        raise ValueError(f"{len(lists)} lists, but truth of {len(truth_indptr) - 1} users")
    if truth_indptr[0] != 0 or truth_indptr[-1] != len(truth_items):
        raise ValueError("truth_indptr does not span truth_items")
    if np.any(np.diff(truth_indptr) < 1):
        raise ValueError("a user without held-out items cannot be measured; leave such users out")


def _hits(
    lists: npt.NDArray[np.int32],
    relevant: npt.NDArray[np.int64],
    truth_items: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """User index and rank (from 0) of every hit, by user, then rank."""
    # One number per (user, item) makes all look-ups one binary search in one sorted array.
    stride = 1 + max(int(lists.max(initial=0)), int(truth_items.max(initial=0)))
    user_index = np.arange(len(lists), dtype=np.int64)
    truth_keys = np.repeat(user_index, relevant) * stride + truth_items
    if truth_items.min(initial=0) < 0 or np.any(truth_keys[1:] <= truth_keys[:-1]):
        raise ValueError("truth_items must be ascending positions within each user, none twice")
    if not len(truth_keys):
        return user_index, user_index

    keys = user_index[:, np.newaxis] * stride + lists
    slots = np.minimum(np.searchsorted(truth_keys, keys), len(truth_keys) - 1)
    users, ranks = np.nonzero((truth_keys[slots] == keys) & (lists >= 0))
    if len(np.unique(slots[users, ranks])) != len(users):
        raise ValueError("a list holds the same held-out item twice")
    return users, ranks
