"""Ranking metrics of many users' lists at once, with binary relevance.

With `hit(u, r)` = 1 where the item at rank r (from 1) of user u's list is one of the user's held-out
items `T(u)`, `hits(u, k)` their number up to rank k, and cutoff k:

- `hit_rate@k` = 1 if `hits(u, k)` > 0, else 0. Deshpande & Karypis, "Item-based top-N recommendation
  algorithms", TOIS 2004.
- `precision@k` = `hits(u, k)` / k, also where the list is shorter. Herlocker et al., "Evaluating
  collaborative filtering recommender systems", TOIS 2004.
- `recall@k` = `hits(u, k)` / `|T(u)|` (ibid.). The denominator is not capped at k, so with more than k
  held-out items a perfect list stays below 1.
- `capped_recall@k` = `hits(u, k)` / `min(k, |T(u)|)`, which a perfect list brings to 1. Liang et al.,
  "Variational autoencoders for collaborative filtering", WWW 2018, where it is called recall.
- `ndcg@k` = `DCG / ideal DCG`, `DCG = sum of hit(u, r) / log2(r + 1) for r <= k`; the ideal list has
  hits at its first `min(k, |T(u)|)` ranks. Järvelin & Kekäläinen, "Cumulated gain-based evaluation
  of IR techniques", TOIS 2002.
- `map@k` = `sum of hit(u, r) hits(u, r) / r for r <= k` / `min(k, |T(u)|)`: its mean over users is the mean
  average precision. Manning, Raghavan & Schütze, "Introduction to information retrieval", 2008, 8.4.
- `mrr@k` = 1 / the rank of the first hit up to k, else 0. Voorhees, "The TREC-8 question answering track
  report", 1999.
- `arhr@k` = `sum of hit(u, r) / r for r <= k` / `|T(u)|`. Deshpande & Karypis (ibid.), where every user has one
  held-out item.

A figure depends on its own user's list and held-out items only, bit for bit, not on the other users
of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def cutoff_of(metric: str) -> int:
    """The number of places that a metric looks at: 10 for `ndcg@10`."""
    return int(metric.partition("@")[2])


def list_metrics(
    lists: npt.NDArray[np.int32],
    truth_indptr: npt.NDArray[np.int64],
    truth_items: npt.NDArray[np.int32],
    metrics: Sequence[str],
) -> dict[str, Floats]:
    """Metrics for each user of a block.

    Args:
        lists: int32[n_users, depth], item positions best first, padded with -1 at the end; a user
            without a list has -1 only, and scores 0. `depth` is at least the largest cutoff.
        truth_indptr: int64[n_users + 1], where each user's held-out items begin and end.
        truth_items: int32[n_truth], held-out item positions, ascending within a user, none twice.
        metrics: Names such as `ndcg@10`: one of `FIGURES`, and a cutoff of at least 1.

    Returns:
        float64[n_users] per name, between 0 and 1, in the order of `metrics`.

    Raises:
        ValueError: a user has no held-out item (nothing can be measured, and a mean over zeros
            would hide it), the arrays contradict the contract above, or a list repeats a hit.
        KeyError: there is no such metric.
    """
    cutoffs = [cutoff_of(name) for name in metrics]
    _check(lists, truth_indptr, truth_items, cutoffs)
    held_out = np.diff(truth_indptr)
    users, ranks = _hits(lists, held_out, truth_items)
    # Hits are in order of user and rank: how many of its user come before each.
    before = np.arange(len(users)) - np.searchsorted(users, users)
    upto = {}
    for cutoff in set(cutoffs):
        early = ranks < cutoff
        upto[cutoff] = _Hits(users[early], ranks[early], before[early], held_out, cutoff)
    return {
        name: FIGURES[name.partition("@")[0]](upto[cutoff])
        for name, cutoff in zip(metrics, cutoffs, strict=True)
    }


@dataclass(frozen=True)
class _Hits:
    """The hits up to a cutoff, by user, then rank.

    `users` and `ranks` (from 0) int64[hits], `before` int64[hits], how many of the user's come before each;
    `held_out` int64[n_users], how many could have been.
    """

    users: Counts
    ranks: Counts
    before: Counts
    held_out: Counts
    cutoff: int

    def count(self) -> Counts:
        """By user."""
        return np.bincount(self.users, minlength=len(self.held_out))

    def sum(self, gains: Floats) -> Floats:
        """The sum of what each hit gains, by user.

        bincount adds in the order given, which is by rank: the same sum in any block, and the same as
        the ideal's where every rank is a hit.
        """
        total = np.bincount(self.users, weights=gains, minlength=len(self.held_out))
        return total.astype(np.float64)

    def attainable(self) -> Counts:
        """The most hits that a list of this length can have, by user."""
        return np.minimum(self.held_out, self.cutoff)


def _hit_rate(hits: _Hits) -> Floats:
    return (hits.count() > 0).astype(np.float64)


def _precision(hits: _Hits) -> Floats:
    return hits.count() / hits.cutoff


def _recall(hits: _Hits) -> Floats:
    return hits.count() / hits.held_out


def _capped_recall(hits: _Hits) -> Floats:
    return hits.count() / hits.attainable()


def _ndcg(hits: _Hits) -> Floats:
    discounts = 1.0 / np.log2(np.arange(2, hits.cutoff + 2))
    ideal: Floats = np.cumsum(discounts)
    return hits.sum(discounts[hits.ranks]) / ideal[hits.attainable() - 1]


def _average_precision(hits: _Hits) -> Floats:
    return hits.sum((hits.before + 1) / (hits.ranks + 1)) / hits.attainable()


def _reciprocal_rank(hits: _Hits) -> Floats:
    return hits.sum((hits.before == 0) / (hits.ranks + 1))


def _reciprocal_hits(hits: _Hits) -> Floats:
    return hits.sum(1 / (hits.ranks + 1)) / hits.held_out


FIGURES: Mapping[str, Callable[[_Hits], Floats]] = {
    "hit_rate": _hit_rate,
    "precision": _precision,
    "recall": _recall,
    "capped_recall": _capped_recall,
    "ndcg": _ndcg,
    "map": _average_precision,
    "mrr": _reciprocal_rank,
    "arhr": _reciprocal_hits,
}
"""What each kind of metric is, by its name."""


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
) -> tuple[Counts, Counts]:
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
