"""Steps of stochastic gradient ascent on what comes next: factorized chains, and translations.

As in `toplists.engine.kernels.pair_steps` a step takes an item that a user liked and one that the user did
not, and makes the first win more clearly; but scores depend on what the user came to like before.

- Chains: s_i = x_u · y_i + l · z_i, with l of the item before (Rendle, Freudenthaler and Schmidt-Thieme,
  "Factorizing personalized Markov chains for next-basket recommendation", WWW 2010, section 5).
- Translations: s_i = b_i - |g + t_u + t - g_i|², with g of the item before; points g stay within the unit
  ball (He, Kang and McAuley, "Translation-based recommendation", RecSys 2017, section 3).

What came before lies in the cell of the step, and learns as well, or outside, and does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled, summing
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.pair_steps import contains
from toplists.engine.kernels.visits import Visits, random_visits, word

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int32]


class ChainStep(NamedTuple):
    """What decides a step: the learning rate, and the penalty on all that scores are made from."""

    rate: float
    penalty: float


class _Work(NamedTuple):
    """What steps are made on; see `_work`."""

    indptr: npt.NDArray[np.int64]
    indices: Positions
    before: Positions
    others: Positions
    visits: Visits
    rate: np.float32
    penalty: np.float32
    seed: np.uint64


def descend_chains(
    likings: Entries,
    users: Floats,
    items: Floats,
    outside: Floats,
    others: Positions,
    step: ChainStep,
    seed: int,
) -> float:
    """A step for every liking, in random order; the losses -ln σ before each, summed.

    An item that was drawn for a user who likes it makes no step. Where nothing came before, the user
    alone decides.

    Args:
        likings: What users like, sorted by item, and what came `before`: an item, -1 for nothing, or
            -2 - position of one outside.
        users: float32[users, k], x; changed in place.
        items: float32[items, 3 k], y and z and l; changed in place.
        outside: The same of all items by position; may be empty where nothing outside came before.
        others: The items that may be drawn; at least those that anybody here likes.
        step: How far a step goes.
        seed: Of the order and of the items that are drawn; from 0 below 2^64.
    """
    work = _work(likings, others, step, seed)
    return float(_descend_chains(work, users, items, frozen(outside)))


def descend_translations(
    likings: Entries,
    users: Floats,
    items: Floats,
    outside: Floats,
    others: Positions,
    step: ChainStep,
    seed: int,
) -> float:
    """The same for translations; a liking that nothing came before makes no step.

    Args:
        likings: As of `descend_chains`.
        users: float32[users, 2 k], t_u and t, which is one for all of them; changed in place.
        items: float32[items, k + 1], g and b; changed in place.
        outside: As of `descend_chains`.
        others: The same.
        step: The same.
        seed: The same.
    """
    rank = users.shape[1] // 2
    shared = users[0, rank:].copy()
    work = _work(likings, others, step, seed)
    loss = float(_descend_translations(work, users, shared, items, frozen(outside)))
    users[:, rank:] = shared
    return loss


def _work(likings: Entries, others: Positions, step: ChainStep, seed: int) -> _Work:
    indptr, indices, _, _, before = likings.frozen()
    if before is None:
        before = frozen(np.full(len(indices), -1, dtype=np.int32))
    visits = random_visits(indptr, np.uint64(seed))
    # Words of another seed: the order must not tell what is drawn.
    draws = np.uint64(derive_seed(seed, "others"))
    exact = (np.float32(step.rate), np.float32(step.penalty), draws)
    return _Work(indptr, indices, before, frozen(others), visits, *exact)


@compiled
def _drawn(work: _Work, user: int, place: int) -> np.int32:
    """An item that the user does not like, or -1."""
    other = work.others[np.int64(word(work.seed, place) % np.uint64(len(work.others)))]
    liked = contains(work.indices, work.indptr[user], work.indptr[user + 1], other)
    return np.int32(-1) if liked else other


@compiled
def _loss(margin: np.float32) -> float:
    """-ln σ, without the overflow of its exponential."""
    return float(max(0.0, -margin) + np.log1p(np.exp(-abs(np.float64(margin)))))


@summing
def _descend_chains(work: _Work, users: Floats, items: Floats, outside: Floats) -> float:
    k = users.shape[1]
    shrinking, total = np.float32(1) - work.rate * work.penalty, 0.0
    link = np.zeros(k, dtype=np.float32)
    for user in work.visits.rows:
        for place in range(work.indptr[user], work.indptr[user + 1]):
            entry = work.visits.entries[place]
            other = _drawn(work, user, place)
            if other < 0:
                continue
            liked, before = work.indices[entry], work.before[entry]
            for p in range(k):
                link[p] = np.float32(0)
                if before >= 0:
                    link[p] = items[before, 2 * k + p]
                elif before < -1:
                    link[p] = outside[-2 - before, 2 * k + p]
            margin = np.float32(0)
            for p in range(k):
                margin += users[user, p] * (items[liked, p] - items[other, p])
                margin += link[p] * (items[liked, k + p] - items[other, k + p])
            push = work.rate / (np.float32(1) + np.exp(margin))
            total += _loss(margin)
            for p in range(k):
                x, y, z = users[user, p], items[liked, p], items[other, p]
                users[user, p] = shrinking * x + push * (y - z)
                items[liked, p] = shrinking * y + push * x
                items[other, p] = shrinking * z - push * x
            if before == -1:
                continue
            for p in range(k):
                x, y, z = link[p], items[liked, k + p], items[other, k + p]
                items[liked, k + p] = shrinking * y + push * x
                items[other, k + p] = shrinking * z - push * x
                if before >= 0:
                    items[before, 2 * k + p] = shrinking * x + push * (y - z)
    return total


@summing
def _descend_translations(
    work: _Work, users: Floats, shared: Floats, items: Floats, outside: Floats
) -> float:
    k = len(shared)
    shrinking, total = np.float32(1) - work.rate * work.penalty, 0.0
    start = np.zeros(k, dtype=np.float32)
    for user in work.visits.rows:
        for place in range(work.indptr[user], work.indptr[user + 1]):
            entry = work.visits.entries[place]
            before = work.before[entry]
            if before == -1:
                continue
            other = _drawn(work, user, place)
            if other < 0:
                continue
            liked = work.indices[entry]
            for p in range(k):
                if before >= 0:
                    start[p] = items[before, p]
                else:
                    start[p] = outside[-2 - before, p]
            margin = items[liked, k] - items[other, k]
            for p in range(k):
                goal = start[p] + users[user, p] + shared[p]
                y, z = items[liked, p], items[other, p]
                # -(goal - y)² + (goal - z)²
                margin += (y - z) * (np.float32(2) * goal - y - z)
            push = work.rate / (np.float32(1) + np.exp(margin))
            total += _loss(margin)
            items[liked, k] = shrinking * items[liked, k] + push
            items[other, k] = shrinking * items[other, k] - push
            push *= np.float32(2)
            for p in range(k):
                goal = start[p] + users[user, p] + shared[p]
                y, z = items[liked, p], items[other, p]
                users[user, p] = shrinking * users[user, p] + push * (y - z)
                shared[p] = shrinking * shared[p] + push * (y - z)
                items[liked, p] = shrinking * y + push * (goal - y)
                items[other, p] = shrinking * z - push * (goal - z)
                if before >= 0:
                    items[before, p] = shrinking * start[p] + push * (y - z)
            _pull_into_ball(items, liked, k)
            _pull_into_ball(items, other, k)
            if before >= 0:
                _pull_into_ball(items, before, k)
    return total


@summing
def _pull_into_ball(items: Floats, item: np.int32, k: int) -> None:
    """Shorten the vector of an item to length 1, if it is longer."""
    square = np.float32(0)
    for p in range(k):
        square += items[item, p] * items[item, p]
    if square > np.float32(1):
        shorter = np.float32(1) / np.sqrt(square)
        for p in range(k):
            items[item, p] *= shorter
