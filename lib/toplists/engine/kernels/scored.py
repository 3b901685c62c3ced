"""Selection among items that were scored one user at a time, however their scores came about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import (
    ItemSets,
    Marks,
    Masks,
    Selection,
    frozen_sets,
    is_open,
    mark,
    no_sets,
)
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.topk import empty_heaps, offer, precedes, sort_heaps


class Scored(NamedTuple):
    """Of all items: float64 `scores`, the int64 user who has `touched` it last, int32 `order` of touching."""

    scores: npt.NDArray[np.float64]
    touched: npt.NDArray[np.int64]
    order: npt.NDArray[np.int32]


class Found(NamedTuple):
    """What is found of each user: heaps of the best, and of `targets` what a `Selection` says of them."""

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    targets: ItemSets
    target_ranks: npt.NDArray[np.int64]
    target_scores: npt.NDArray[np.float64]
    scored: npt.NDArray[np.int64]

    def selection(self) -> Selection:
        """The heaps in order, which they are left in."""
        sort_heaps(self.items, self.scores)
        return Selection(
            self.items, self.scores, self.target_ranks, self.target_scores, self.scored
        )


def no_scores(n_items: int) -> Scored:
    """Nothing is scored yet."""
    return Scored(
        np.zeros(n_items), np.full(n_items, -1, dtype=np.int64), np.empty(n_items, dtype=np.int32)
    )


def nothing_found(users: int, k: int, targets: ItemSets | None) -> Found:
    """Room for lists of k items of so many users."""
    sets = frozen_sets(targets or no_sets(users))
    return Found(
        *empty_heaps(users, k),
        sets,
        np.zeros(len(sets.items), dtype=np.int64),
        np.full(len(sets.items), np.nan),
        np.zeros(users, dtype=np.int64),
    )


@compiled
def choose(
    scored: Scored,
    count: int,
    user: int,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    found: Found,
) -> None:
    """Find the best of the first `count` items in `order`, all of them touched by `user`.

    An item whose score is no finite number is no candidate.
    """
    mark(masks, user, marks)
    left = 0
    for place in range(count):
        item = scored.order[place]
        score = scored.scores[item]
        if usable[item] and np.isfinite(score) and is_open(masks, user, item, marks):
            offer(found.items, found.scores, user, item, score)
            scored.order[left] = item
            left += 1
        else:
            scored.touched[item] = -1
    found.scored[user] = left
    for entry in range(found.targets.indptr[user], found.targets.indptr[user + 1]):
        target = found.targets.items[entry]
        if scored.touched[target] == user:
            own = scored.scores[target]
            found.target_scores[entry] = own
            found.target_ranks[entry] = 1
            for place in range(left):
                item = scored.order[place]
                found.target_ranks[entry] += precedes(scored.scores[item], item, own, target)
