"""Metrics of all lists together: on how many items, and how evenly, they fall.

They come from exposures, how often each item is listed. Exposures of blocks add up; the figure has no interval,
since a resample of users lists fewer different items than all of them do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.metric_kind import Kind, asked
from toplists.engine.kernels.outcomes import Counts


def exposures(lists: npt.NDArray[np.int32], cutoff: int, n_items: int) -> Counts:
    """How often each item is in the first `cutoff` places: int64[n_items].

    Args:
        lists: int32[n_users, depth], positions, best first, -1 behind the end.
        cutoff: Places, at least 1.
        n_items: Items of the catalogue.
    """
    entries = lists[:, :cutoff]
    return np.bincount(entries[entries >= 0], minlength=n_items)


def exposure_figure(metric: str, counts: Counts) -> float:
    """A metric of all lists together.

    Args:
        metric: A name such as `coverage@10`.
        counts: `exposures` at its cutoff, over all users: int64[n_items].

    Returns:
        The figure; NaN where the catalogue is empty, or nothing was listed and the metric is of how it is
        spread.

    Raises:
        KeyError: there is no such metric of all lists.
    """
    return EXPOSURE_KINDS[asked(metric).kind].figure(counts)


def coverage(counts: Counts) -> float:
    """The share of the catalogue that is in anybody's list.

    Formula: items listed at least once / items
    Larger: more of the catalogue is shown.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004; Ge,
        Delgado-Battenfeld & Jannach, "Beyond accuracy", RecSys 2010.
    """
    return np.count_nonzero(counts) / len(counts) if len(counts) else np.nan


def gini(counts: Counts) -> float:
    """How unevenly items are shown: 0 all alike, 1 one alone.

    Formula: `sum of (2 j - n - 1) p(j) for j = 1 … n` / (n - 1), with p(j) the share of all entries that the
        item listed j-th least has, n items; 0 where n = 1
    Larger: few items have most of the places.
    Source: Shani & Gunawardana, "Evaluating recommendation systems", Recommender systems
        handbook, 2011, under coverage.
    """
    n, total = len(counts), int(counts.sum())
    if total == 0:
        return np.nan
    weights = 2 * np.arange(1, n + 1) - n - 1
    # Whole numbers: the sum is exact in any order.
    return int(weights @ np.sort(counts)) / (total * max(1, n - 1))


def entropy(counts: Counts) -> float:
    """How evenly items are shown, in bits: 0 one alone, log2(items) all alike.

    Formula: `- sum of p(i) log2 p(i)` over listed items, with p(i) the share of all entries that item i has
    Larger: places are shared out more evenly.
    Source: Shannon, "A mathematical theory of communication", 1948; for recommendations Shani & Gunawardana
        (see `gini`).
    """
    shown = np.sort(counts[counts > 0])
    if not len(shown):
        return np.nan
    shares = shown / shown.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


EXPOSURE_KINDS: Mapping[str, Kind[Callable[[Counts], float]]] = {
    "coverage": Kind(coverage),
    "gini": Kind(gini, "smaller"),
    "entropy": Kind(entropy),
}
"""What each kind is, by its name."""
