"""Ratings predicted from those of neighbours: of similar users of an item, or of similar items by a user.

The prediction of item i for user u is

    level(u, i) + spread(u, i) · Σ_n s_n d_n / (Σ_n |s_n| + shift)

over the k most similar neighbours n that have a rating: users who rated i, or items that u rated. s is
their similarity, d how far their rating is from its own level, in units of its own spread (Herlocker et
al., "An algorithmic framework for performing collaborative filtering", SIGIR 1999; with baselines for levels:
Koren, "Factor in the neighbors", TKDD 4, 2010). Levels are of a user plus of an item, spreads of a user times
of an item.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import (
    Candidates,
    ItemSets,
    Marks,
    Masks,
    Selection,
    as_masks,
    no_marks,
)
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.scored import Found, Scored, choose, no_scores, nothing_found
from toplists.engine.kernels.topk import empty_heaps, offer
from toplists.engine.kernels.weight_sums import Sparse

Floats = npt.NDArray[np.float32]

_NOBODY = np.int32(np.iinfo(np.int32).max)


class Levels(NamedTuple):
    """Of each row: float64 `level` of its ratings, NaN where it is not known, and float64 `spread`."""

    level: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]

    def frozen(self) -> Levels:
        """The same, read-only."""
        return Levels(frozen(self.level), frozen(self.spread))


class Rule(NamedTuple):
    """How neighbours are combined.

    At most `k` of them count, 0 = all; with fewer than `min_k`, the prediction is the level plus `otherwise`.
    `shift` is added to the denominator. With `counted` each neighbour counts 1 in the denominator, and not
    its similarity: the mean of s·d instead of the weighted mean of d.
    """

    k: int
    min_k: int
    shift: float
    counted: bool
    otherwise: float


class _Sums(NamedTuple):
    """Of all items: float64 `top` and `bottom` of the fraction, int64 `counts` of neighbours in it."""

    top: npt.NDArray[np.float64]
    bottom: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


class _Nearest(NamedTuple):
    """The nearest neighbours of each item, by |similarity|: int32[items, k] `keys`, float64 `strengths`.

    Neighbours are entries of the user's history, two keys each: the second is that of a negative
    similarity. They stand in order of coming while there is room, and then as a heap; what is below
    float64[items] `floors` comes too late.
    """

    keys: npt.NDArray[np.int32]
    strengths: npt.NDArray[np.float64]
    floors: npt.NDArray[np.float64]


def predict_by_users(
    neighbours: Sparse,
    deviations: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    usable: npt.NDArray[np.bool_],
    candidates: Candidates,
    n: int,
    *,
    targets: ItemSets | None = None,
) -> Selection:
    """The n candidates of each user with the highest predictions from similar users.

    Every known item is predicted for every known user. Sums are taken in double precision from the most
    similar neighbour on.

    Args:
        neighbours: Users of the batch by users: similarities, those of the highest |similarity| first.
        deviations: All users by items: the deviation of every rating.
        users: Of the batch.
        items: Of all items.
        rule: How neighbours are combined.
        usable: bool[items], which may be chosen.
        candidates: The masks of each user of the batch.
        n: Length of the lists, at least 1.
        targets: Items of each user whose score and rank are asked for.
    """
    n_items, found = len(usable), nothing_found(len(users.level), n, targets)
    _predict_by_users(
        neighbours.frozen(),
        deviations.frozen(),
        users.frozen(),
        items.frozen(),
        rule,
        frozen(usable),
        as_masks(candidates),
        no_marks(n_items),
        _no_sums(n_items),
        no_scores(n_items),
        found,
    )
    return found.selection()


def predict_by_items(
    history: Sparse,
    similarities: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    usable: npt.NDArray[np.bool_],
    candidates: Candidates,
    n: int,
    *,
    targets: ItemSets | None = None,
) -> Selection:
    """The n candidates of each user with the highest predictions from similar items that the user rated.

    Arguments as of `predict_by_users`, but for

    Args:
        history: Users of the batch by items: the deviation of every rating. Of equally similar ones the
            first of the history count.
        similarities: Items of a history by items that are predicted.
        users: Of the batch.
        items: Of all items.
        rule: How neighbours are combined.
        usable: bool[items], which may be chosen.
        candidates: The masks of each user of the batch.
        n: Length of the lists, at least 1.
        targets: Items of each user whose score and rank are asked for.
    """
    n_items, found = len(usable), nothing_found(len(users.level), n, targets)
    _predict_by_items(
        history.frozen(),
        similarities.frozen(),
        users.frozen(),
        items.frozen(),
        rule,
        frozen(usable),
        as_masks(candidates),
        no_marks(n_items),
        _no_nearest(history, n_items, rule),
        _no_sums(n_items),
        no_scores(n_items),
        found,
    )
    return found.selection()


def values_by_users(
    neighbours: Sparse, deviations: Sparse, users: Levels, items: Levels, rule: Rule
) -> Floats:
    """What is predicted of all items for each user of the batch: float32[users, n_items], NaN = nothing.

    Arguments as of `predict_by_users`.
    """
    values = np.full((len(users.level), len(items.level)), np.nan, dtype=np.float32)
    known = (neighbours.frozen(), deviations.frozen(), users.frozen(), items.frozen())
    _value_by_users(*known, rule, _no_sums(len(items.level)), values)
    return values


def values_by_items(
    history: Sparse, similarities: Sparse, users: Levels, items: Levels, rule: Rule
) -> Floats:
    """The same from similar items; arguments as of `predict_by_items`."""
    values = np.full((len(users.level), len(items.level)), np.nan, dtype=np.float32)
    known = (history.frozen(), similarities.frozen(), users.frozen(), items.frozen())
    nearest = _no_nearest(history, len(items.level), rule)
    _value_by_items(*known, rule, nearest, _no_sums(len(items.level)), values)
    return values


def _no_nearest(history: Sparse, n_items: int, rule: Rule) -> _Nearest:
    # Where all that anybody rated counts, there is nothing to choose.
    chosen = 0 < rule.k < int(np.diff(history.indptr).max(initial=0))
    heaps = empty_heaps(n_items if chosen else 0, rule.k if chosen else 1)
    return _Nearest(*heaps, np.full(n_items, -np.inf))


def _no_sums(n_items: int) -> _Sums:
    return _Sums(np.zeros(n_items), np.zeros(n_items), np.zeros(n_items, dtype=np.int64))


@compiled
def _predict_by_users(
    neighbours: Sparse,
    deviations: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    sums: _Sums,
    scores: Scored,
    found: Found,
) -> None:
    for user in range(len(found.items)):
        if not np.isnan(users.level[user]):
            _gather_by_users(neighbours, deviations, rule, user, sums)
            count = _score(sums, users, items, rule, user, scores)
            choose(scores, count, user, usable, masks, marks, found)


@compiled
def _value_by_users(
    neighbours: Sparse,
    deviations: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    sums: _Sums,
    values: Floats,
) -> None:
    for user in range(len(values)):
        if not np.isnan(users.level[user]):
            _gather_by_users(neighbours, deviations, rule, user, sums)
            for item in range(values.shape[1]):
                values[user, item] = _value(sums, users, items, rule, user, item)


@compiled
def _gather_by_users(
    neighbours: Sparse, deviations: Sparse, rule: Rule, user: int, sums: _Sums
) -> None:
    """Add up what similar users say of all items."""
    _empty(sums)
    for place in range(neighbours.indptr[user], neighbours.indptr[user + 1]):
        other, similarity = neighbours.columns[place], float(neighbours.values[place])
        for entry in range(deviations.indptr[other], deviations.indptr[other + 1]):
            item = deviations.columns[entry]
            if rule.k == 0 or sums.counts[item] < rule.k:
                _add(sums, item, similarity, float(deviations.values[entry]), rule)


@compiled
def _predict_by_items(
    history: Sparse,
    similarities: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    nearest: _Nearest,
    sums: _Sums,
    scores: Scored,
    found: Found,
) -> None:
    for user in range(len(found.items)):
        if not np.isnan(users.level[user]):
            _gather_by_items(history, similarities, rule, user, nearest, sums)
            count = _score(sums, users, items, rule, user, scores)
            choose(scores, count, user, usable, masks, marks, found)


@compiled
def _value_by_items(
    history: Sparse,
    similarities: Sparse,
    users: Levels,
    items: Levels,
    rule: Rule,
    nearest: _Nearest,
    sums: _Sums,
    values: Floats,
) -> None:
    for user in range(len(values)):
        if not np.isnan(users.level[user]):
            _gather_by_items(history, similarities, rule, user, nearest, sums)
            for item in range(values.shape[1]):
                values[user, item] = _value(sums, users, items, rule, user, item)


@compiled
def _gather_by_items(
    history: Sparse, similarities: Sparse, rule: Rule, user: int, nearest: _Nearest, sums: _Sums
) -> None:
    """Add up what the user's ratings of similar items say of all items."""
    _empty(sums)
    first, end = history.indptr[user], history.indptr[user + 1]
    bounded = 0 < rule.k < end - first
    for place in range(first, end):
        row, deviation = history.columns[place], float(history.values[place])
        for entry in range(similarities.indptr[row], similarities.indptr[row + 1]):
            item, similarity = similarities.columns[entry], float(similarities.values[entry])
            if bounded:
                key = 2 * (place - first) + int(similarity < 0)
                _keep(nearest, sums.counts, item, key, abs(similarity))
            else:
                _add(sums, item, similarity, deviation, rule)
    if bounded:
        _add_nearest(nearest, history, first, rule, sums)


@compiled
def _empty(sums: _Sums) -> None:
    sums.top[:] = 0.0
    sums.bottom[:] = 0.0
    sums.counts[:] = 0


@compiled
def _keep(
    nearest: _Nearest, counts: npt.NDArray[np.int64], item: int, key: int, strength: float
) -> None:
    """Take a neighbour of an item in, if it is among the nearest so far; `counts` says how many came."""
    keys, strengths, floors = nearest
    k = keys.shape[1]
    count = counts[item]
    counts[item] += 1
    if count < k:
        keys[item, count], strengths[item, count] = key, strength
    if count == k - 1:
        came, as_near = keys[item].copy(), strengths[item].copy()
        keys[item], strengths[item] = _NOBODY, -np.inf
        for slot in range(k):
            offer(keys, strengths, item, came[slot], as_near[slot])
        floors[item] = strengths[item, 0]
    elif count >= k and strength >= floors[item]:
        offer(keys, strengths, item, key, strength)
        floors[item] = strengths[item, 0]


@compiled
def _add_nearest(nearest: _Nearest, history: Sparse, first: int, rule: Rule, sums: _Sums) -> None:
    """Add up the neighbours that one user's items have kept."""
    for item in range(len(nearest.keys)):
        kept, sums.counts[item] = min(sums.counts[item], rule.k), 0
        for slot in range(kept):
            key = nearest.keys[item, slot]
            strength = nearest.strengths[item, slot]
            similarity = -strength if key % 2 else strength
            _add(sums, item, similarity, float(history.values[first + key // 2]), rule)


@compiled
def _add(sums: _Sums, item: int, similarity: float, deviation: float, rule: Rule) -> None:
    sums.top[item] += similarity * deviation
    sums.bottom[item] += 1.0 if rule.counted else abs(similarity)
    sums.counts[item] += 1


@compiled
def _score(sums: _Sums, users: Levels, items: Levels, rule: Rule, user: int, scores: Scored) -> int:
    """Predict all known items; how many they are."""
    count = 0
    for item in range(len(items.level)):
        if not np.isnan(items.level[item]):
            scores.scores[item] = _value(sums, users, items, rule, user, item)
            scores.touched[item] = user
            scores.order[count] = item
            count += 1
    return count


@compiled
def _value(sums: _Sums, users: Levels, items: Levels, rule: Rule, user: int, item: int) -> float:
    """What is predicted of one item; NaN where its level is not known."""
    bottom = sums.bottom[item] + rule.shift
    if sums.counts[item] < rule.min_k or bottom == 0.0:
        left = rule.otherwise
    else:
        left = users.spread[user] * items.spread[item] * (sums.top[item] / bottom)
    return float(users.level[user] + items.level[item] + left)
