"""Scores of all items for some users, laid out densely: brought to one scale, added, and chosen from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import (
    Candidates,
    ItemSets,
    Masks,
    Selection,
    as_masks,
    frozen_sets,
    no_sets,
)
from toplists.engine.kernels.compiling import compiled, summing
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.topk import empty_heaps, offer, precedes, sort_heaps

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Scale(NamedTuple):
    """What brings each user's scores to a mean of 0 and a deviation of 1: float64[users] each.

    A deviation of 0 is that of scores which say nothing.
    """

    means: Doubles
    deviations: Doubles


def scale_of(scores: Floats, known: npt.NDArray[np.bool_]) -> Scale:
    """Mean and deviation of each row over the scores of known items that are finite.

    Args:
        scores: float32[users, n_items].
        known: bool[n_items].
    """
    scale = Scale(np.zeros(len(scores)), np.zeros(len(scores)))
    _measure(frozen(scores), frozen(known), *scale)
    return scale


@summing
def _measure(
    scores: Floats, known: npt.NDArray[np.bool_], means: Doubles, deviations: Doubles
) -> None:
    for user in range(len(scores)):
        count, total = 0.0, 0.0
        for item, score in enumerate(scores[user]):
            counts = known[item] and np.isfinite(score)
            count += 1.0 if counts else 0.0
            total += float(score) if counts else 0.0
        mean = total / max(count, 1.0)
        squares = 0.0
        for item, score in enumerate(scores[user]):
            away = float(score) - mean
            squares += away * away if known[item] and np.isfinite(score) else 0.0
        means[user] = mean
        deviations[user] = np.sqrt(squares / max(count, 1.0))


class Totals(NamedTuple):
    """Weighted sums of scores, float64[users, n_items], and which items anything was `said` of, bool alike."""

    sums: Doubles
    said: npt.NDArray[np.bool_]


def no_totals(users: int, n_items: int) -> Totals:
    """Totals of nothing."""
    return Totals(np.zeros((users, n_items)), np.zeros((users, n_items), dtype=np.bool_))


def add_scores(scores: Floats, scale: Scale, weight: float, totals: Totals) -> None:
    """Add the scores of one model, brought to a scale and multiplied by its weight.

    Of an item a model says something by a score that is not 0. No score counts as the mean. Where the
    deviation is 0 nothing is added.

    Args:
        scores: float32[users, n_items]; what is not finite is no score.
        scale: Of each user's scores.
        weight: Of the model.
        totals: What is added to.
    """
    _add(frozen(scores), scale, weight, totals)


def add_values(values: Floats, weight: float, totals: Totals) -> None:
    """Add the values that one model predicts, times its weight; of what any has no value, nothing is said.

    Args:
        values: float32[users, n_items], NaN for none.
        weight: Of the model.
        totals: What is added to.
    """
    sums = totals.sums
    sums += weight * values.astype(np.float64)
    np.isfinite(sums, out=totals.said)


@compiled
def _add(scores: Floats, scale: Scale, weight: float, totals: Totals) -> None:
    for user in range(len(scores)):
        mean, deviation = scale.means[user], scale.deviations[user]
        if deviation > 0.0:
            for item in range(scores.shape[1]):
                score = float(scores[user, item])
                if np.isfinite(score):
                    totals.sums[user, item] += weight * ((score - mean) / deviation)
                    totals.said[user, item] |= score != 0.0


def select_by_totals(
    totals: Totals,
    usable: npt.NDArray[np.bool_],
    candidates: Candidates,
    k: int,
    *,
    targets: ItemSets | None = None,
) -> Selection:
    """The k best candidates of each user by totals; what nothing was said of is no candidate.

    Args:
        totals: Of the users.
        usable: bool[n_items], which may be chosen.
        candidates: The masks of each user.
        k: Length of the lists, at least 1.
        targets: Items of each user whose score and rank are asked for.
    """
    users = len(totals.sums)
    sets = frozen_sets(targets or no_sets(users))
    ranks, scores = np.zeros(len(sets.items), dtype=np.int64), np.full(len(sets.items), np.nan)
    scored = np.zeros(users, dtype=np.int64)
    heaps = empty_heaps(users, k)
    _select(*totals, frozen(usable), as_masks(candidates), *heaps, sets, ranks, scores, scored)
    sort_heaps(*heaps)
    return Selection(*heaps, ranks, scores, scored)


@compiled
def _select(
    sums: Doubles,
    said: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    items: npt.NDArray[np.int32],
    scores: Doubles,
    targets: ItemSets,
    target_ranks: npt.NDArray[np.int64],
    target_scores: Doubles,
    scored: npt.NDArray[np.int64],
) -> None:
    """Fill the heaps. What is called for every score would be handed all arrays each time: nothing is."""
    n_items = sums.shape[1]
    stands = np.empty(n_items, dtype=np.bool_)
    for user in range(len(items)):
        _open(masks, user, usable, stands)
        for item in range(n_items):
            stands[item] &= said[user, item]
            if stands[item]:
                scored[user] += 1
                if sums[user, item] >= scores[user, 0]:
                    offer(items, scores, user, item, sums[user, item])
        for entry in range(targets.indptr[user], targets.indptr[user + 1]):
            target = targets.items[entry]
            if stands[target]:
                own, rank = sums[user, target], 1
                for item in range(n_items):
                    if stands[item]:
                        rank += precedes(sums[user, item], item, own, target)
                target_scores[entry], target_ranks[entry] = own, rank


@compiled
def _open(
    masks: Masks, user: int, usable: npt.NDArray[np.bool_], stands: npt.NDArray[np.bool_]
) -> None:
    """Which items a user may have at all."""
    if masks.restricted:
        stands[:] = False
        for entry in range(masks.allowed.indptr[user], masks.allowed.indptr[user + 1]):
            stands[masks.allowed.items[entry]] = usable[masks.allowed.items[entry]]
    else:
        stands[:] = usable
    for entry in range(masks.seen.indptr[user], masks.seen.indptr[user + 1]):
        stands[masks.seen.items[entry]] = False
