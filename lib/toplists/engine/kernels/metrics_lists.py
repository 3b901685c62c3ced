"""Metrics of what lists hold, beyond accuracy: how new, diverse, unexpected and fitting it is.

With `L(u)` the first k entries of user u's list, or all where it is shorter. All users count, whether or not
anything of theirs was held out, and those without a list as 0 (in `calibration` as the worst). Where it is
not known what a metric looks at (no likings, no described items), nobody counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log, log2

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.evidence import Evidence, Listed, ratio
from toplists.engine.kernels.metric_kind import Asked, Kind, Scale, UserFigure
from toplists.engine.kernels.outcomes import Floats, Measured
from toplists.engine.kernels.popularity import Popularity

_SMOOTHING = 0.01
"""The share of the user's taste that is mixed into a list's (Steck 2018)."""


def novelty(evidence: Evidence, asked: Asked) -> Measured:
    """How little known the listed items are: the mean of their self-information, in bits.

    Formula: mean of `log2(users / raters(i))` for i in `L(u)`; an item that nobody liked counts as if one did
    Larger: lists hold less known items.
    Source: Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.
    """
    return _of_popularity(evidence, asked, lambda popularity: popularity.bits)


def popularity_rank(evidence: Evidence, asked: Asked) -> Measured:
    """Where the listed items stand by popularity, on average: 1 is the most popular.

    Formula: mean of `rank(i)` for i in `L(u)`, by `raters(i)`; equals share the mean of their ranks
    Larger: lists hold less popular items.
    Source: Celma & Herrera, "A new approach to evaluating novel recommendations", RecSys 2008.
    """
    return _of_popularity(evidence, asked, lambda popularity: popularity.mean_ranks)


def tail_share(evidence: Evidence, asked: Asked) -> Measured:
    """The share of listed items from the long tail.

    Formula: share of `L(u)` outside the head; the head is the fewest most popular items that have 80 % of all
        likings
    Larger: lists hold more from the long tail.
    Source: Abdollahpouri, Burke & Mobasher, "Managing popularity bias in recommender systems with personalized
        re-ranking", FLAIRS 2019, where its mean is APLT.
    """
    return _of_popularity(evidence, asked, lambda popularity: popularity.tail)


def unexpectedness(evidence: Evidence, asked: Asked) -> Measured:
    """The share of listed items that popularity alone would not have listed.

    Formula: share of `L(u)` outside `E(u)`, the k most popular items that the user had not seen in the training
        part
    Larger: lists differ more from what anybody would expect.
    Source: Ge, Delgado-Battenfeld & Jannach, "Beyond accuracy: evaluating recommender systems by coverage and
        serendipity", RecSys 2010, with popularity as the primitive method.
    """
    history = _history(evidence, "unexpectedness")
    if evidence.traits.users == 0:
        return _nobody(evidence)
    listed = evidence.listed(asked.cutoff)
    places = evidence.popularity.places
    stride = len(places) + 1
    own = np.repeat(np.arange(evidence.users), np.diff(history.indptr)) * stride
    seen = np.sort(own + places[history.items])
    keys = listed.users * stride + places[listed.items]
    seen_before = np.searchsorted(seen, keys) - history.indptr[listed.users]
    unexpected = places[listed.items] - seen_before >= asked.cutoff
    return _everybody(
        ratio(np.bincount(listed.users[unexpected], minlength=evidence.users), listed.lengths)
    )


def diversity(evidence: Evidence, asked: Asked) -> Measured:
    """How unlike one another the listed items are.

    Formula: mean of `1 - cos(f(i), f(j))` over pairs of described items of `L(u)`, by their features; 0 where
        there is no pair
    Larger: lists are more varied.
    Source: Smyth & McClave, "Similarity vs. diversity", ICCBR 2001; Ziegler et al., "Improving recommendation
        lists through topic diversification", WWW 2005.
    """
    if not evidence.described.any():
        return _nobody(evidence)
    listed = evidence.listed(asked.cutoff).of(evidence.described)
    holds, features = _holdings(_sets(listed), evidence.traits.features)
    total = _row_sums((holds @ features) ** 2)
    alone = holds @ _row_sums(features**2)
    pairs = listed.lengths * (listed.lengths - 1)
    # Rounding may leave the range.
    unlike = np.clip(1 - ratio(total - alone, pairs), 0, 2)
    return _everybody(np.where(pairs > 0, unlike, 0))


def calibration(evidence: Evidence, asked: Asked) -> Measured:
    """How far the genres of a list are from those of what the user had seen, in nats.

    Formula: `KL(p, q) = sum of p(g) ln(p(g) / q'(g))`, `q' = 0.99 q + 0.01 p`; p and q are the mean of the
        genres of what the user had seen in the training part and of `L(u)`, each described item having 1 to
        share among its genres. A list without described items has the worst, ln 100; users whose history is
        not described do not count
    Larger: lists represent the user's interests worse.
    Source: Steck, "Calibrated recommendations", RecSys 2018.
    """
    history = _history(evidence, "calibration")
    features = evidence.traits.features
    if features.min(initial=0) < 0:
        raise ValueError("calibration takes features as amounts of genres: none is below 0")
    lists = _sets(evidence.listed(asked.cutoff).of(evidence.described))
    taste, offered = _genres(history, features), _genres(lists, features)
    mixed = (1 - _SMOOTHING) * offered + _SMOOTHING * taste
    wanted = taste > 0
    terms = np.zeros_like(taste)
    terms[wanted] = taste[wanted] * np.log(taste[wanted] / mixed[wanted])
    counted = _row_sums(taste) > 0
    # Equal tastes may be off by a rounding.
    divergence = np.clip(_row_sums(terms), 0, _WORST_CALIBRATION)
    return Measured(divergence * counted, counted.astype(np.float64))


def personal_share(evidence: Evidence, asked: Asked) -> Measured:
    """The share of listed items that the model itself found, not the fallback.

    Formula: `min(personal(u), k) / |L(u)|`
    Larger: lists owe more to the model.
    Source: our own; it tells a model from what fills its lists.
    """
    listed = evidence.listed(asked.cutoff)
    return _everybody(ratio(np.minimum(evidence.outcomes.personal, listed.lengths), listed.lengths))


def user_coverage(evidence: Evidence, asked: Asked) -> Measured:
    """Whether there is a list at all.

    Formula: 1 if `L(u)` has an item, else 0
    Larger: more users get something.
    Source: Shani & Gunawardana, "Evaluating recommendation systems", Recommender systems
        handbook, 2011, under coverage.
    """
    return _everybody((evidence.listed(asked.cutoff).lengths > 0).astype(np.float64))


_WORST_CALIBRATION = log(1 / _SMOOTHING)


def _nobody(evidence: Evidence) -> Measured:
    return Measured(np.zeros(evidence.users), np.zeros(evidence.users))


def _everybody(figures: Floats) -> Measured:
    return Measured(figures, np.ones(len(figures)))


def _history(evidence: Evidence, metric: str) -> ItemSets:
    if evidence.outcomes.history is None:
        raise ValueError(f"{metric} needs what the users had seen in the training part")
    return evidence.outcomes.history


def _of_popularity(
    evidence: Evidence, asked: Asked, of_items: Callable[[Popularity], Floats]
) -> Measured:
    """The mean over a list of what popularity says of each item."""
    if evidence.traits.users == 0:
        return _nobody(evidence)
    return _everybody(evidence.listed(asked.cutoff).mean(of_items(evidence.popularity)))


def _sets(listed: Listed) -> ItemSets:
    indptr = np.concatenate(([0], np.cumsum(listed.lengths)))
    return ItemSets(indptr, listed.items.astype(np.int32))


def _holdings(sets: ItemSets, features: npt.NDArray[np.float32]) -> tuple[sp.csr_array, Floats]:
    """Which items each set holds, and their features: of those items alone that any set holds.

    A product of the two adds up features in the order of a set, which no other set changes.
    """
    held = np.zeros(len(features), dtype=np.bool_)
    held[sets.items] = True
    columns = (np.cumsum(held) - 1)[sets.items]
    shape = (len(sets.indptr) - 1, np.count_nonzero(held))
    holds = sp.csr_array((np.ones(len(columns)), columns, sets.indptr), shape=shape)
    return holds, features[held].astype(np.float64)


def _genres(sets: ItemSets, features: npt.NDArray[np.float32]) -> Floats:
    """The mean genres of sets of items; 0 where none of a set is described."""
    holds, genres = _holdings(sets, features)
    sums = holds @ _shares(genres)
    return _shares(sums)


def _shares(rows: Floats) -> Floats:
    """Each row as shares of its sum; a row of zeros as it is."""
    sums = _row_sums(rows)
    return rows / np.where(sums > 0, sums, 1)[:, np.newaxis]


def _row_sums(rows: Floats) -> Floats:
    """Sums from left to right, which do not depend on how many rows there are: float64[n]."""
    if rows.shape[1] == 0:
        return np.zeros(len(rows))
    sums: Floats = np.cumsum(rows, axis=1)[:, -1]
    return sums


def _most_bits(scale: Scale) -> float:
    return log2(max(2, scale.users))


def _last_rank(scale: Scale) -> float:
    return scale.items


def _two(_: Scale) -> float:
    return 2.0


def _worst_calibration(_: Scale) -> float:
    return _WORST_CALIBRATION


LIST_KINDS: Mapping[str, Kind[UserFigure]] = {
    "novelty": Kind(novelty, needs=("raters",), bound=_most_bits),
    "popularity_rank": Kind(popularity_rank, "neither", needs=("raters",), bound=_last_rank),
    "tail_share": Kind(tail_share, "neither", needs=("raters",)),
    "unexpectedness": Kind(unexpectedness, needs=("raters", "history")),
    "diversity": Kind(diversity, needs=("features",), bound=_two),
    "calibration": Kind(
        calibration, "smaller", needs=("features", "history"), bound=_worst_calibration
    ),
    "personal_share": Kind(personal_share, needs=("personal",)),
    "user_coverage": Kind(user_coverage),
}
"""What each kind is, by its name."""
