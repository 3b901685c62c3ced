"""Metrics of where held-out items stand in lists and among all candidates.

With `T(u)` the held-out likings of user u, `hit(u, r)` = 1 where the item at rank r (from 1) of the user's
list is one of them, and `hits(u, k)` their number up to rank k. Users with an empty `T(u)` do not count;
users without a list count as 0. A list shorter than k has no hits behind its end.

A figure depends on its own user's list and held-out items only, bit for bit, not on the other users
of the block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toplists.engine.kernels.evidence import Evidence, Hits, ratio
from toplists.engine.kernels.metric_kind import Asked, Kind, UserFigure
from toplists.engine.kernels.outcomes import Counts, Flags, Floats, Measured


def hit_rate(evidence: Evidence, asked: Asked) -> Measured:
    """Whether the list has anything that the user went on to like.

    Formula: 1 if `hits(u, k) > 0`, else 0
    Larger: more users find something.
    Source: Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, (hits.count() > 0).astype(np.float64))


def precision(evidence: Evidence, asked: Asked) -> Measured:
    """Hits as a share of the places, also where the list is shorter.

    Formula: `hits(u, k) / k`
    Larger: fewer places are wasted.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, hits.count() / asked.cutoff)


def recall(evidence: Evidence, asked: Asked) -> Measured:
    """Hits as a share of all held-out likings: with more than k of them a perfect list stays below 1.

    Formula: `hits(u, k) / |T(u)|`
    Larger: more of what was liked is found.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, ratio(hits.count(), hits.relevant))


def capped_recall(evidence: Evidence, asked: Asked) -> Measured:
    """Hits as a share of the most that k places can have, which a perfect list brings to 1.

    Formula: `hits(u, k) / min(k, |T(u)|)`
    Larger: more of what was liked is found.
    Source: Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018, where it
        is called recall.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, ratio(hits.count(), hits.attainable()))


def ndcg(evidence: Evidence, asked: Asked) -> Measured:
    """Hits, each worth less the deeper it stands, as a share of what a perfect list has.

    Formula: `DCG / ideal DCG`, `DCG = sum of hit(u, r) / log2(r + 1) for r <= k`; the ideal list has hits
        at its first `min(k, |T(u)|)` ranks
    Larger: more of what was liked is found, and higher up.
    Source: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """
    hits = evidence.hits(asked.cutoff)
    discounts = _discounts(asked.cutoff)
    ideal: Floats = np.cumsum(discounts)
    gain = hits.sum(discounts[hits.ranks])
    return _of_those_with_likings(hits, gain / ideal[hits.attainable() - 1])


def average_precision(evidence: Evidence, asked: Asked) -> Measured:
    """The precision at the rank of each hit, added up: its mean over users is the mean average precision.

    Formula: `sum of hit(u, r) hits(u, r) / r for r <= k` / `min(k, |T(u)|)`
    Larger: more of what was liked is found, and higher up.
    Source: Manning, Raghavan & Schütze, "Introduction to information retrieval", 2008, 8.4.
    """
    hits = evidence.hits(asked.cutoff)
    gain = hits.sum((hits.before() + 1) / (hits.ranks + 1))
    return _of_those_with_likings(hits, ratio(gain, hits.attainable()))


def reciprocal_rank(evidence: Evidence, asked: Asked) -> Measured:
    """How high the first hit stands.

    Formula: 1 / the rank of the first hit up to k, else 0
    Larger: the first hit stands higher up.
    Source: Voorhees, "The TREC-8 question answering track report", 1999.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, hits.sum((hits.before() == 0) / (hits.ranks + 1)))


def reciprocal_hits(evidence: Evidence, asked: Asked) -> Measured:
    """How high all hits stand: the average reciprocal hit rank.

    Formula: `sum of hit(u, r) / r for r <= k` / `|T(u)|`
    Larger: hits are more, and higher up.
    Source: Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004, where every user
        has one held-out item.
    """
    hits = evidence.hits(asked.cutoff)
    return _of_those_with_likings(hits, ratio(hits.sum(1 / (hits.ranks + 1)), hits.relevant))


def cumulative_hit_rate(evidence: Evidence, asked: Asked) -> Measured:
    """Whether the list has any held-out item of at least a value, liked or not.

    Formula: hit rate with `T(u)` = the held-out items whose value is v or more;
        users without such an item do not count
    Larger: more users find something that they valued so highly.
    Source: Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004, for the hit rate; the
        cut-off as in Kane, "Building recommender systems with machine learning and AI", 2018.
    """
    values = evidence.outcomes.values
    return _hit_rate_of(evidence, values >= np.float32(asked.value), asked.cutoff)


def rating_hit_rate(evidence: Evidence, asked: Asked) -> Measured:
    """Whether the list has any held-out item of exactly a value, liked or not.

    Formula: hit rate with `T(u)` = the held-out items whose value is v; users without
        such an item do not count
    Larger: more users find an item that they gave this value: wanted of high values, not of low ones.
    Source: Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004, for the hit rate; by
        value as in Kane, "Building recommender systems with machine learning and AI", 2018.
    """
    values = evidence.outcomes.values
    return _hit_rate_of(evidence, values == np.float32(asked.value), asked.cutoff)


def graded_ndcg(evidence: Evidence, asked: Asked) -> Measured:
    """NDCG in which a hit gains by its value.

    Formula: `DCG / ideal DCG`, `DCG = sum of hit(u, r) (2^value - 1) / log2(r + 1) for r <= k`; the ideal list
        has the held-out likings of the highest values first. Likings without a value, or of a value of 0 or
        less, gain nothing; users with no others do not count
    Larger: more of what was valued highly is found, and higher up.
    Source: Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """
    outcomes, owners = evidence.outcomes, evidence.owners
    gaining = outcomes.liked & (outcomes.values > 0)
    gains = _gains(np.where(gaining, outcomes.values, 0).astype(np.float64), owners, evidence.users)
    discounts = _discounts(asked.cutoff)
    hits = evidence.hits_of(gaining, asked.cutoff)
    gain = hits.sum(gains[hits.targets] * discounts[hits.ranks])

    targets = np.flatnonzero(gaining)
    best = targets[np.lexsort((-gains[targets], owners[targets]))]
    ranks = np.arange(len(best)) - np.searchsorted(owners[best], owners[best])
    best, ranks = best[ranks < asked.cutoff], ranks[ranks < asked.cutoff]
    ideal = np.bincount(owners[best], gains[best] * discounts[ranks], minlength=evidence.users)
    return _of_those_with_likings(hits, ratio(gain, ideal))


def auc(evidence: Evidence, asked: Asked) -> Measured:  # noqa: ARG001  (looks at all there is)
    """How often a held-out liking stands before another candidate: exactly, over all pairs of these.

    Formula: over all pairs of an item of `T(u)` and a candidate outside of it, the mean of 1 where the item
        stands before the candidate, 0 where behind, and 1/2 where neither has a score; an item without a score
        stands behind all that have one, and equal scores stand in the order of serving. Users without such a
        pair do not count
    Larger: likings stand higher up among all items; 1/2 is chance.
    Source: Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
        curve", Radiology 1982; by user as in Rendle et al., "BPR", UAI 2009.
    """
    outcomes = evidence.outcomes
    if outcomes.scored is None:
        raise ValueError("auc needs to know how many candidates of each user are scored")
    liked = evidence.count(outcomes.liked)
    ranked = outcomes.liked & (outcomes.ranks > 0)
    found = evidence.count(ranked)
    others = outcomes.candidates - liked
    unscored_others = others - (outcomes.scored - found)
    counted = (liked > 0) & (others > 0)
    if np.any(counted & ((outcomes.scored < found) | (unscored_others < 0))):
        raise ValueError("candidates, scored candidates and ranks contradict one another")
    # Other candidates before all scored likings together: ranks less the likings before each.
    ranks = np.bincount(evidence.owners[ranked], outcomes.ranks[ranked] - 1, evidence.users)
    before = ranks.astype(np.int64) - found * (found - 1) // 2
    twice = 2 * (found * others - before) + (liked - found) * unscored_others
    figures = ratio(np.where(counted, twice, 0), 2 * liked * others)
    return Measured(figures, counted.astype(np.float64))


RANKING_KINDS: Mapping[str, Kind[UserFigure]] = {
    "hit_rate": Kind(hit_rate),
    "precision": Kind(precision),
    "recall": Kind(recall),
    "capped_recall": Kind(capped_recall),
    "ndcg": Kind(ndcg),
    "map": Kind(average_precision),
    "mrr": Kind(reciprocal_rank),
    "arhr": Kind(reciprocal_hits),
    "cumulative_hit_rate": Kind(cumulative_hit_rate, needs=("values",), comparison=">="),
    "rating_hit_rate": Kind(rating_hit_rate, "neither", needs=("values",), comparison="="),
    "graded_ndcg": Kind(graded_ndcg, needs=("values",)),
    "auc": Kind(auc, needs=("ranks",), cutoff=False),
}
"""What each kind is, by its name."""


def _discounts(cutoff: int) -> Floats:
    discounts: Floats = 1.0 / np.log2(np.arange(2, cutoff + 2))
    return discounts


def _hit_rate_of(evidence: Evidence, relevant: Flags, cutoff: int) -> Measured:
    hits = evidence.hits_of(relevant, cutoff)
    return _of_those_with_likings(hits, (hits.count() > 0).astype(np.float64))


def _gains(values: Floats, owners: Counts, users: int) -> Floats:
    """2^value - 1 of held-out items, as a share of 2^(the user's highest value), which no value overflows."""
    highest = np.zeros(users)
    np.maximum.at(highest, owners, values)
    gains: Floats = np.exp2(values - highest[owners]) - np.exp2(-highest[owners])
    return gains


def _of_those_with_likings(hits: Hits, figures: Floats) -> Measured:
    """Figures of users who have anything to find; these are 0 for the others anyhow."""
    return Measured(figures, hits.counted().astype(np.float64))
