"""Steps of stochastic gradient ascent on pairs of items: Bayesian personalized ranking.

A step takes an item that a user liked and one that the user did not, and makes the first win more
clearly: it follows the gradient of ln σ(s_liked - s_other) - penalty |..|² / 2 over all that the scores s
are made from. Rendle, Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian personalized ranking from
implicit feedback", UAI 2009.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled, summing
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.visits import Visits, random_visits, word

Floats = npt.NDArray[np.float32]


class PairStep(NamedTuple):
    """What decides a step.

    `rate` is the learning rate. The other item is drawn from all that may be, each alike, or if
    `by_popularity` from all likings, which takes popular items more often.
    """

    rate: float
    penalty: float
    by_popularity: bool


def descend_pairs(
    likings: Entries,
    users: Floats,
    items: Floats,
    others: npt.NDArray[np.int32],
    step: PairStep,
    seed: int,
) -> float:
    """A step for every liking, in random order; the losses -ln σ before each, summed.

    An item that was drawn for a user who likes it makes no step.

    Args:
        likings: What users like, sorted by item.
        users: float32[users, k]; changed in place.
        items: float32[items, k + 1], the vector and behind it the bias; changed in place.
        others: The items that may be drawn; at least those that anybody here likes.
        step: How far a step goes.
        seed: Of the order and of the items that are drawn; from 0 below 2^64.
    """
    indptr, indices = likings.frozen()[:2]
    visits = random_visits(indptr, np.uint64(seed))
    # Words of another seed: the order must not tell what is drawn.
    draws = np.uint64(derive_seed(seed, "others"))
    exact = (np.float32(step.rate), np.float32(step.penalty), step.by_popularity)
    drawable = frozen(others)
    return float(_descend_pairs(indptr, indices, visits, users, items, drawable, *exact, draws))


@summing
def _descend_pairs(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    visits: Visits,
    users: Floats,
    items: Floats,
    others: npt.NDArray[np.int32],
    rate: np.float32,
    penalty: np.float32,
    by_popularity: bool,
    seed: np.uint64,
) -> float:
    k = users.shape[1]
    shrinking = np.float32(1) - rate * penalty
    total = 0.0
    for user in visits.rows:
        first, last = indptr[user], indptr[user + 1]
        for place in range(first, last):
            liked = indices[visits.entries[place]]
            drawn = word(seed, place)
            if by_popularity:
                other = indices[np.int64(drawn % np.uint64(len(indices)))]
            else:
                other = others[np.int64(drawn % np.uint64(len(others)))]
            if contains(indices, first, last, other):
                continue
            margin = items[liked, k] - items[other, k]
            for p in range(k):
                margin += users[user, p] * (items[liked, p] - items[other, p])
            missing = np.float32(1) / (np.float32(1) + np.exp(margin))
            # -ln σ, without the overflow of its exponential.
            total += max(0.0, -margin) + np.log1p(np.exp(-abs(np.float64(margin))))
            push = rate * missing
            items[liked, k] = shrinking * items[liked, k] + push
            items[other, k] = shrinking * items[other, k] - push
            for p in range(k):
                x, y, z = users[user, p], items[liked, p], items[other, p]
                users[user, p] = shrinking * x + push * (y - z)
                items[liked, p] = shrinking * y + push * x
                items[other, p] = shrinking * z - push * x
    return total


@compiled
def contains(indices: npt.NDArray[np.int32], first: int, last: int, wanted: np.int32) -> bool:
    """Whether the sorted indices from `first` to `last` have it."""
    while first < last:
        middle = (first + last) // 2
        if indices[middle] < wanted:
            first = middle + 1
        elif indices[middle] > wanted:
            last = middle
        else:
            return True
    return False
