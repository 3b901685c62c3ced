"""The best items for many users from one order of items, the same for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import (
    Candidates,
    ItemSets,
    Marks,
    Masks,
    Selection,
    as_masks,
    count_open,
    frozen_sets,
    is_open,
    mark,
    no_marks,
    no_sets,
)
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen


def select_by_order(
    order: npt.NDArray[np.int32],
    order_scores: npt.NDArray[np.float64],
    n_items: int,
    candidates: Candidates,
    k: int,
    *,
    targets: ItemSets | None = None,
) -> Selection:
    """The first k candidates of each user in one order of items.

    Args:
        order: int32[ranked], the items that may be chosen, best first.
        order_scores: float64[ranked].
        n_items: Number of all items.
        candidates: The masks of each user.
        k: Length of the lists, at least 1.
        targets: Items of each user whose score and rank are asked for.
    """
    masks = as_masks(candidates)
    users = len(masks.seen.indptr) - 1
    sets = frozen_sets(targets or no_sets(users))
    items, scores = np.full((users, k), -1, dtype=np.int32), np.full((users, k), np.nan)
    places = np.full(n_items, -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    ranks = np.zeros(len(sets.items), dtype=np.int64)
    _walk_rows(
        frozen(order),
        frozen(order_scores),
        places,
        masks,
        no_marks(n_items),
        items,
        scores,
        sets,
        ranks,
    )
    found = ranks > 0
    target_scores = np.full(len(ranks), np.nan)
    target_scores[found] = order_scores[places[sets.items[found]]]
    scored = count_open(places >= 0, candidates)
    return Selection(items, scores, ranks, target_scores, scored)


@compiled
def _walk_rows(
    order: npt.NDArray[np.int32],
    order_scores: npt.NDArray[np.float64],
    places: npt.NDArray[np.int64],
    masks: Masks,
    marks: Marks,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    targets: ItemSets,
    target_ranks: npt.NDArray[np.int64],
) -> None:
    for user in range(len(items)):
        mark(masks, user, marks)
        count = 0
        for place in range(len(order)):
            if count == items.shape[1]:
                break
            if is_open(masks, user, order[place], marks):
                items[user, count], scores[user, count] = order[place], order_scores[place]
                count += 1
        for entry in range(targets.indptr[user], targets.indptr[user + 1]):
            target = targets.items[entry]
            if places[target] >= 0 and is_open(masks, user, target, marks):
                target_ranks[entry] = 1 + _count_preceding(
                    places[target], places, masks, user, marks
                )


@compiled
def _count_preceding(
    place: int, places: npt.NDArray[np.int64], masks: Masks, user: int, marks: Marks
) -> int:
    """How many candidates of a user stand before a place."""
    before = 0
    if masks.restricted:
        for entry in range(masks.allowed.indptr[user], masks.allowed.indptr[user + 1]):
            item = masks.allowed.items[entry]
            before += 0 <= places[item] < place and is_open(masks, user, item, marks)
        return before
    for entry in range(masks.seen.indptr[user], masks.seen.indptr[user + 1]):
        before -= 0 <= places[masks.seen.items[entry]] < place
    return place + before
