"""Metrics of where held-out items stand in lists and among all candidates.

With `T(u)` the held-out likings of user u, `hit(u, r)` = 1 where the item at rank r (from 1) of the user's
list is one of them, and `hits(u, k)` their number up to rank k. Users with an empty `T(u)` do not count;
users without a list count as 0. A list shorter than k has no hits behind its end.

A figure depends on its own user's list and held-out items only, bit for bit, not on the other users
of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from toplists.engine.kernels.evidence import Evidence, Hits, ratio
from toplists.engine.kernels.metric_kind import Asked, Kind
from toplists.engine.kernels.outcomes import Floats, Measured

UserFigure = Callable[[Evidence, Asked], Measured]


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


RANKING_KINDS: Mapping[str, Kind[UserFigure]] = {
    "hit_rate": Kind(hit_rate),
    "precision": Kind(precision),
    "recall": Kind(recall),
    "capped_recall": Kind(capped_recall),
    "ndcg": Kind(ndcg),
    "map": Kind(average_precision),
    "mrr": Kind(reciprocal_rank),
    "arhr": Kind(reciprocal_hits),
}
"""What each kind is, by its name."""


def _discounts(cutoff: int) -> Floats:
    discounts: Floats = 1.0 / np.log2(np.arange(2, cutoff + 2))
    return discounts


def _of_those_with_likings(hits: Hits, figures: Floats) -> Measured:
    """Figures of users who have anything to find; these are 0 for the others anyhow."""
    return Measured(figures, hits.counted().astype(np.float64))
