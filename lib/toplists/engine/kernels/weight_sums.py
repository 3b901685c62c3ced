"""The best items for many users from weighted neighbours of what they liked."""

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
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.topk import empty_heaps, offer, precedes, sort_heaps


class Sparse(NamedTuple):
    """A sparse matrix by row.

    `indptr` int64[rows + 1], `columns` int32[entries], `values` float32[entries].
    """

    indptr: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    def frozen(self) -> Sparse:
        """The same, read-only."""
        return Sparse(frozen(self.indptr), frozen(self.columns), frozen(self.values))


class _Scratch(NamedTuple):
    """Of all items: float64 `sums`, the int64 user who has `touched` it last, int32 `order` of touching."""

    sums: npt.NDArray[np.float64]
    touched: npt.NDArray[np.int64]
    order: npt.NDArray[np.int32]


def select_by_weights(
    history: Sparse,
    weights: Sparse,
    usable: npt.NDArray[np.bool_],
    candidates: Candidates,
    k: int,
    *,
    targets: ItemSets | None = None,
) -> Selection:
    """The k best candidates of each user by the sum over the history of value times weight.

    What has no neighbour in the history, or a sum of 0, is no candidate.

    Args:
        history: Users by items.
        weights: Items of a history by items that are scored.
        usable: bool[items], which may be chosen.
        candidates: The masks of each user.
        k: Length of the lists, at least 1.
        targets: Items of each user whose score and rank are asked for.
    """
    users, n_items = len(history.indptr) - 1, len(usable)
    sets = frozen_sets(targets or no_sets(users))
    ranks = np.zeros(len(sets.items), dtype=np.int64)
    scores = np.full(len(sets.items), np.nan)
    scored = np.zeros(users, dtype=np.int64)
    scratch = _Scratch(
        np.zeros(n_items),
        np.full(n_items, -1, dtype=np.int64),
        np.empty(n_items, dtype=np.int32),
    )
    heaps = empty_heaps(users, k)
    _sum_rows(
        history.frozen(),
        weights.frozen(),
        frozen(usable),
        as_masks(candidates),
        no_marks(n_items),
        scratch,
        *heaps,
        sets,
        ranks,
        scores,
        scored,
    )
    sort_heaps(*heaps)
    return Selection(*heaps, ranks, scores, scored)


@compiled
def _sum_rows(
    history: Sparse,
    weights: Sparse,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    scratch: _Scratch,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    targets: ItemSets,
    target_ranks: npt.NDArray[np.int64],
    target_scores: npt.NDArray[np.float64],
    scored: npt.NDArray[np.int64],
) -> None:
    for user in range(len(items)):
        count = _add_up(history, weights, scratch, user)
        mark(masks, user, marks)
        left = 0
        for place in range(count):
            item = scratch.order[place]
            score = scratch.sums[item]
            nothing = score == 0.0 or not np.isfinite(score)
            if usable[item] and not nothing and is_open(masks, user, item, marks):
                offer(items, scores, user, item, score)
                scratch.order[left] = item
                left += 1
            else:
                scratch.touched[item] = -1
        scored[user] = left
        for entry in range(targets.indptr[user], targets.indptr[user + 1]):
            target = targets.items[entry]
            if scratch.touched[target] == user:
                own = scratch.sums[target]
                target_scores[entry] = own
                target_ranks[entry] = 1
                for place in range(left):
                    item = scratch.order[place]
                    target_ranks[entry] += precedes(scratch.sums[item], item, own, target)


@compiled
def _add_up(history: Sparse, weights: Sparse, scratch: _Scratch, user: int) -> int:
    """Sum up for one user; how many items are touched."""
    count = 0
    for liked in range(history.indptr[user], history.indptr[user + 1]):
        row, value = history.columns[liked], float(history.values[liked])
        for entry in range(weights.indptr[row], weights.indptr[row + 1]):
            item = weights.columns[entry]
            if scratch.touched[item] != user:
                scratch.touched[item] = user
                scratch.sums[item] = 0.0
                scratch.order[count] = item
                count += 1
            scratch.sums[item] += value * float(weights.values[entry])
    return count
