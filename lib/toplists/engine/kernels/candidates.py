"""Who may have what, and what is to be judged: the input that all selections share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled, inlined
from toplists.engine.kernels.frozen import frozen


class ItemSets(NamedTuple):
    """A set of items per row, as compressed sparse rows.

    `indptr` int64[rows + 1], `items` int32[entries], ascending within a row, none twice.
    """

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]

    def of(self, rows: npt.NDArray[np.int64]) -> ItemSets:
        """The sets of some rows, ascending."""
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:  # consecutive: nothing is copied
            bounds = np.asarray(self.indptr[rows[0] : rows[-1] + 2])
            return ItemSets(bounds - bounds[0], self.items[bounds[0] : bounds[-1]])
        begins, lengths = self.indptr[rows], np.diff(self.indptr)[rows]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.arange(indptr[-1]) + np.repeat(begins - indptr[:-1], lengths)
        return ItemSets(indptr, self.items[entries])

    def row(self, row: int) -> npt.NDArray[np.int32]:
        """The set of one row."""
        return self.items[self.indptr[row] : self.indptr[row + 1]]


class Candidates(NamedTuple):
    """What a batch of users may be given: everything but `seen`, and of `allowed` only if that is set.

    Both have a row per user of the batch.
    """

    seen: ItemSets
    allowed: ItemSets | None = None


class Selection(NamedTuple):
    """The lists of a batch of users, and where the items to be judged stand.

    `items` int32[users, k] positions, best first, -1 behind the end; `scores` float64[users, k], NaN
    behind the end. `target_ranks` int64[targets] is 1 for the best candidate of its user, 0 for what is
    none; `target_scores` float64[targets], NaN for what is none. `scored` int64[users], how many
    candidates there were.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    target_ranks: npt.NDArray[np.int64]
    target_scores: npt.NDArray[np.float64]
    scored: npt.NDArray[np.int64]


def no_sets(rows: int) -> ItemSets:
    """An empty set for each row."""
    return ItemSets(np.zeros(rows + 1, dtype=np.int64), np.empty(0, dtype=np.int32))


def holds(
    sets: ItemSets, rows: npt.NDArray[np.int64], items: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Whether the set of each of `rows` holds the item: bool[items]."""
    stride = np.int64(1 + max(int(sets.items.max(initial=0)), int(items.max(initial=0))))
    own = np.repeat(np.arange(len(sets.indptr) - 1), np.diff(sets.indptr)) * stride + sets.items
    keys = rows * stride + items
    if not len(own):
        return np.zeros(len(keys), dtype=np.bool_)
    slots = np.minimum(np.searchsorted(own, keys), len(own) - 1)
    held: npt.NDArray[np.bool_] = own[slots] == keys
    return held


def count_open(usable: npt.NDArray[np.bool_], candidates: Candidates) -> npt.NDArray[np.int64]:
    """How many of the `usable` bool[items] each user may have: int64[users]."""
    seen, allowed = candidates
    if allowed is None:
        return int(np.count_nonzero(usable)) - count_in_rows(usable[seen.items], seen.indptr)
    owner = np.repeat(np.arange(len(allowed.indptr) - 1), np.diff(allowed.indptr))
    is_open = usable[allowed.items] & ~holds(seen, owner, allowed.items)
    return count_in_rows(is_open, allowed.indptr)


def count_in_rows(
    flags: npt.NDArray[np.bool_], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many entries of each row are flagged: int64[rows]."""
    before = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
    counts: npt.NDArray[np.int64] = np.diff(before[indptr])
    return counts


class Masks(NamedTuple):
    """`Candidates` as compiled code takes them: `allowed` counts only if `restricted`."""

    seen: ItemSets
    allowed: ItemSets
    restricted: bool


class Marks(NamedTuple):
    """Of all items int64[items]: the last user who has `masked` it, and to whom it was `allowed`."""

    masked: npt.NDArray[np.int64]
    allowed: npt.NDArray[np.int64]


def no_marks(n_items: int) -> Marks:
    """Marks of nobody."""
    return Marks(np.full(n_items, -1, dtype=np.int64), np.full(n_items, -1, dtype=np.int64))


@compiled
def mark(masks: Masks, user: int, marks: Marks) -> None:
    """Mark what a user has seen, and what is allowed to the user."""
    for entry in range(masks.seen.indptr[user], masks.seen.indptr[user + 1]):
        marks.masked[masks.seen.items[entry]] = user
    if masks.restricted:
        for entry in range(masks.allowed.indptr[user], masks.allowed.indptr[user + 1]):
            marks.allowed[masks.allowed.items[entry]] = user


@inlined
def is_open(masks: Masks, user: int, item: int, marks: Marks) -> bool:
    """Whether the user who was marked last may have an item."""
    return marks.masked[item] != user and (not masks.restricted or marks.allowed[item] == user)


def as_masks(candidates: Candidates) -> Masks:
    """The same for compiled code."""
    seen, allowed = frozen_sets(candidates.seen), candidates.allowed
    return Masks(seen, seen if allowed is None else frozen_sets(allowed), allowed is not None)


def frozen_sets(sets: ItemSets) -> ItemSets:
    """The same sets, read-only."""
    return ItemSets(frozen(sets.indptr), frozen(sets.items))
