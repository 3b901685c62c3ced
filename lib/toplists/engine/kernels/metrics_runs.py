"""Metrics of how lists changed: those of two runs for the same users.

With `A` and `B` the first k entries of a user's two lists. Users who have neither do not count; those who have
one alone count as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.evidence import ratio
from toplists.engine.kernels.metric_kind import Kind, asked, depth_of
from toplists.engine.kernels.outcomes import Counts, Floats, Measured

_PERSISTENCE = 0.9
"""How likely a reader is to look at the next place (Webber et al.): ten places have 86 % of the weight."""


class Overlap(NamedTuple):
    """What two lists of each user share.

    Attributes:
        first: int64[n_users], length of the one.
        second: int64[n_users], length of the other.
        shared: int64[n_users, k], how many items the first d entries of both share, d = 1 … k.
    """

    first: Counts
    second: Counts
    shared: Counts


def measure_change(
    before: npt.NDArray[np.int32], after: npt.NDArray[np.int32], metrics: Sequence[str]
) -> dict[str, Measured]:
    """Metrics of each user's two lists.

    Args:
        before: int32[n_users, depth], positions of items, the same in both, best first, -1 behind the end, none
            twice in a list.
        after: int32[n_users, depth], likewise, of the same users.
        metrics: Names such as `jaccard@10`, of cutoffs up to `depth`.

    Raises:
        ValueError: the lists are not of the same users, or too shallow.
        KeyError: there is no such metric of two runs.
    """
    depth = depth_of(metrics)
    if len(before) != len(after):
        raise ValueError(f"{len(before)} lists before, but {len(after)} after")
    if min(before.shape[1], after.shape[1]) < depth:
        raise ValueError(f"lists are too short to be compared at {depth}; pad them with -1")
    overlap = _overlap(before[:, :depth], after[:, :depth])
    measured = {}
    for name in metrics:
        question = asked(name)
        at_cutoff = Overlap(
            np.minimum(overlap.first, question.cutoff),
            np.minimum(overlap.second, question.cutoff),
            overlap.shared[:, : question.cutoff],
        )
        figures = RUN_KINDS[question.kind].figure(at_cutoff)
        counted = (at_cutoff.first > 0) | (at_cutoff.second > 0)
        measured[name] = Measured(figures, counted.astype(np.float64))
    return measured


def jaccard(overlap: Overlap) -> Floats:
    """What the two lists share, as a share of all that is in either.

    Formula: `|A ∩ B| / |A ∪ B|`
    Larger: less changed; 1 = the same items.
    Source: Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 1912.
    """
    shared = overlap.shared[:, -1]
    return ratio(shared, overlap.first + overlap.second - shared)


def rank_biased_overlap(overlap: Overlap) -> Floats:
    """What the two lists share, places at the top counting most.

    Formula: the extrapolated `RBO` with p = 0.9, for lists of lengths s <= l sharing X(d) up to place d:
        `(1 - p) / p (sum of X(d) / d p^d for d <= l + sum of X(s) (d - s) / (s d) p^d for s < d <= l)`
        `+ ((X(l) - X(s)) / l + X(s) / s) p^l`
    Larger: less changed; 1 = the same items in the same order.
    Source: Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", TOIS 2010, equation 32.
    """
    shorter = np.minimum(overlap.first, overlap.second)
    longer = np.maximum(overlap.first, overlap.second)
    users = np.arange(len(shorter))
    depths = np.arange(1, overlap.shared.shape[1] + 1)
    at_shorter = overlap.shared[users, np.maximum(shorter, 1) - 1]
    at_longer = overlap.shared[users, np.maximum(longer, 1) - 1]
    agreement_at_shorter = ratio(at_shorter, shorter)[:, np.newaxis]
    # Behind the end of the shorter list its agreement is carried on.
    behind = np.maximum(depths - shorter[:, np.newaxis], 0)
    agreement = (overlap.shared + behind * agreement_at_shorter) / depths
    weights = np.where(depths <= longer[:, np.newaxis], _PERSISTENCE**depths, 0.0)
    seen = np.cumsum(agreement * weights, axis=1)[:, -1]
    rest = ratio(at_longer - at_shorter, longer) + agreement_at_shorter[:, 0]
    overlaps: Floats = (1 - _PERSISTENCE) / _PERSISTENCE * seen + rest * _PERSISTENCE**longer
    return np.minimum(np.where(shorter > 0, overlaps, 0.0), 1.0)


RUN_KINDS: Mapping[str, Kind[Callable[[Overlap], Floats]]] = {
    "jaccard": Kind(jaccard, "neither"),
    "rbo": Kind(rank_biased_overlap, "neither"),
}
"""What each kind is, by its name."""


def _overlap(before: npt.NDArray[np.int32], after: npt.NDArray[np.int32]) -> Overlap:
    users, depth = before.shape
    shared = np.zeros((users, depth), dtype=np.int64)
    for place in range(depth):
        # The item at this place of the one list is shared from the deeper of its two places on.
        own = before[:, place, np.newaxis]
        rows, places = np.nonzero((after == own) & (own >= 0))
        np.add.at(shared, (rows, np.maximum(places, place)), 1)
    return Overlap((before >= 0).sum(axis=1), (after >= 0).sum(axis=1), np.cumsum(shared, axis=1))
