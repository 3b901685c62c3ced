"""The best items for many users from weighted neighbours of what they liked."""

from __future__ import annotations

from collections.abc import Sequence
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


class Sparse(NamedTuple):
    """A sparse matrix by row.

    `indptr` int64[rows + 1], `columns` int32[entries], `values` float32[entries].
    """

    indptr: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    def of(self, rows: npt.NDArray[np.int64]) -> Sparse:
        """Some of the rows."""
        begins, lengths = self.indptr[rows], np.diff(self.indptr)[rows]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.arange(indptr[-1]) + np.repeat(begins - indptr[:-1], lengths)
        return Sparse(indptr, self.columns[entries], self.values[entries])

    def where(self, kept: npt.NDArray[np.bool_]) -> Sparse:
        """The rows with some of their entries only: bool[entries]."""
        before = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
        return Sparse(before[self.indptr], self.columns[kept], self.values[kept])

    def frozen(self) -> Sparse:
        """The same, read-only."""
        return Sparse(frozen(self.indptr), frozen(self.columns), frozen(self.values))

    @classmethod
    def of_lists(cls, items: npt.NDArray[np.int32], scores: npt.NDArray[np.float64]) -> Sparse:
        """Lists as rows, in their order: int32[rows, k] and float64[rows, k], -1 behind the end."""
        listed = items >= 0
        indptr = np.concatenate(([0], np.cumsum(np.count_nonzero(listed, axis=1))))
        return cls(indptr, items[listed], scores[listed].astype(np.float32))

    @classmethod
    def stacked(cls, blocks: Sequence[Sparse]) -> Sparse:
        """The rows of several, one below the other."""
        lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(one.indptr) for one in blocks)])
        return cls(
            np.cumsum(lengths),
            np.concatenate([np.empty(0, np.int32), *(one.columns for one in blocks)]),
            np.concatenate([np.empty(0, np.float32), *(one.values for one in blocks)]),
        )


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
    n_items, found = len(usable), nothing_found(len(history.indptr) - 1, k, targets)
    _sum_rows(
        history.frozen(),
        weights.frozen(),
        frozen(usable),
        as_masks(candidates),
        no_marks(n_items),
        no_scores(n_items),
        found,
    )
    return found.selection()


@compiled
def _sum_rows(
    history: Sparse,
    weights: Sparse,
    usable: npt.NDArray[np.bool_],
    masks: Masks,
    marks: Marks,
    sums: Scored,
    found: Found,
) -> None:
    for user in range(len(found.items)):
        count = _add_up(history, weights, sums, user)
        choose(sums, count, user, usable, masks, marks, found)


@compiled
def _add_up(history: Sparse, weights: Sparse, sums: Scored, user: int) -> int:
    """Sum up for one user; how many items are touched. A sum of 0 becomes NaN."""
    count = 0
    for liked in range(history.indptr[user], history.indptr[user + 1]):
        row, value = history.columns[liked], float(history.values[liked])
        for entry in range(weights.indptr[row], weights.indptr[row + 1]):
            item = weights.columns[entry]
            if sums.touched[item] != user:
                sums.touched[item] = user
                sums.scores[item] = 0.0
                sums.order[count] = item
                count += 1
            sums.scores[item] += value * float(weights.values[entry])
    for place in range(count):
        item = sums.order[place]
        if sums.scores[item] == 0.0:
            sums.scores[item] = np.nan
    return count
