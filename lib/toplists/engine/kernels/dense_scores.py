"""Scores of all items for some users, laid out densely: brought to one scale, added, and chosen from."""

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
    frozen_sets,
    is_open,
    mark,
    no_marks,
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


def scale_of(scores: Floats) -> Scale:
    """Mean and deviation of each row over the scores that are finite: float32[users, n_items]."""
    scale = Scale(np.zeros(len(scores)), np.zeros(len(scores)))
    _measure(frozen(scores), *scale)
    return scale


@summing
def _measure(scores: Floats, means: Doubles, deviations: Doubles) -> None:
    for user in range(len(scores)):
        count, total = 0.0, 0.0
        for score in scores[user]:
            finite = np.isfinite(score)
            count += 1.0 if finite else 0.0
            total += float(score) if finite else 0.0
        mean = total / max(count, 1.0)
        squares = 0.0
        for score in scores[user]:
            away = float(score) - mean
            squares += away * away if np.isfinite(score) else 0.0
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
    users, n_items = totals.sums.shape
    sets = frozen_sets(targets or no_sets(users))
    ranks, scores = np.zeros(len(sets.items), dtype=np.int64), np.full(len(sets.items), np.nan)
    scored = np.zeros(users, dtype=np.int64)
    heaps = empty_heaps(users, k)
    masks, marks = as_masks(candidates), no_marks(n_items)
    _select(totals, frozen(usable), masks, marks, *heaps, sets, ranks, scores, scored)
    sort_heaps(*heaps)
    return Selection(*heaps, ranks, scores, scored)


@compiled
def _select(
    totals: Totals,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    items: npt.NDArray[np.int32],
    scores: Doubles,
    targets: ItemSets,
    target_ranks: npt.NDArray[np.int64],
    target_scores: Doubles,
    scored: npt.NDArray[np.int64],
) -> None:
    """Fill the heaps; of a row of totals, `said` is afterwards only where there is a candidate."""
    for user in range(len(items)):
        mark(masks, user, marks)
        sums, said = totals.sums[user], totals.said[user]
        for item in range(len(sums)):
            if said[item]:
                said[item] = usable[item] and is_open(masks, user, item, marks)
                if said[item]:
                    scored[user] += 1
                    offer(items, scores, user, item, sums[item])
        for entry in range(targets.indptr[user], targets.indptr[user + 1]):
            target = targets.items[entry]
            if said[target]:
                target_scores[entry], target_ranks[entry] = sums[target], 1
                for item in range(len(sums)):
                    if said[item]:
                        target_ranks[entry] += precedes(sums[item], item, sums[target], target)
