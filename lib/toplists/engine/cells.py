"""Cells of a descent: what some users say of some items, and the work on it.

Users are cut into ranges of positions, items are dealt anew for every epoch. A task reads the state of
its users and of its items, makes a step for every entry of its cell, and writes both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.engine.baselines import known_vectors
from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, Rows, Side, all_ids
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.kernels.entries import Entries
from toplists.engine.storage import Arrays, bring_here, open_array

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
ReadItems = Callable[[], Floats]
"""Reads the state of all items, in order of position."""


@dataclass(frozen=True)
class Cell:
    """What is learnt from: `rows` of users, whose columns number the cell's items.

    `others` are the same users' entries with all other items, by position. `learnt` are the cell's items that
    anybody is known to have to do with, here or elsewhere, ascending. `read_items` reads the state
    that all items had before the stratum. What came `before` in rows is -2 - position where that is none
    of the cell's items.
    """

    rows: Entries
    others: Entries
    learnt: npt.NDArray[np.int32]
    read_items: ReadItems


@dataclass(frozen=True)
class Ended:
    """Rows after the last stratum: their `state`, and what was learnt from them.

    `newest` of users is what they came to like last, where the gradient learns from the order: int32[rows],
    -1 = nothing. `read_items` reads the state of all items.
    """

    state: Floats
    learnt: Rows
    newest: npt.NDArray[np.int32] | None
    read_items: ReadItems


class Gradient(Protocol):
    """What is descended, as the engine sees it. Picklable; knows nothing of Spark.

    Its `repr` says everything that decides the fit. The state of users or of items is float32 with a row
    for each.
    """

    @property
    def lesson(self) -> Lesson:
        """What is learnt from."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether it is learnt from the order in which users came to like items."""
        ...

    @property
    def part(self) -> Part:
        """The part of the snapshot that may be learnt from."""
        ...

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """The first state of rows with these external ids."""
        ...

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """Make a step for every entry, in place; the losses before each, summed."""
        ...

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """What rows are stored as: float32[rows, k]."""
        ...


@dataclass(frozen=True)
class Grid:
    """How users and items are cut: into `size` parts each, which depend neither on blocks nor machines."""

    users: int
    items: int
    size: int
    seed: int

    @classmethod
    def over(cls, users: BlockSet, cell_entries: int, seed: int) -> Grid:
        """A grid whose cells have about so many entries."""
        size = ceil(sqrt(users.entries / cell_entries))
        most = min(users.rows, users.columns)
        return cls(users.rows, users.columns, max(1, min(size, most)), seed)

    def users_of(self, part: int) -> slice:
        """The range of users of a part."""
        return slice(part * self.users // self.size, (part + 1) * self.users // self.size)

    def items_of(self, epoch: int, part: int) -> Positions:
        """The items that a part has in an epoch, ascending.

        They change from epoch to epoch: items that never were in the same part would never be compared.
        """
        if self.size == 1:
            return np.arange(self.items)
        random = np.random.Generator(np.random.Philox(derive_seed(self.seed, "items", epoch)))
        return np.sort(random.permutation(self.items)[part :: self.size])


@dataclass(frozen=True)
class Work:
    """What is to be done on a cell: that of a part of the users and a part of the items, in an epoch.

    `users_at` is where the state of these users lies, `items_at` where that of these items does, among
    others, and `all_items_at` that of all; empty where there is none yet. `learnt_at` is what `survey` found.
    """

    epoch: int
    user_part: int
    item_part: int
    seed: int
    users_at: tuple[str, ...]
    items_at: tuple[str, ...]
    all_items_at: tuple[str, ...]
    learnt_at: tuple[str, ...]


@dataclass(frozen=True)
class Cells:
    """The cells of a descent, as tasks see them."""

    gradient: Gradient
    grid: Grid
    users: BlockSet
    items: BlockSet

    def survey(self, ref: BlockRef) -> Arrays:
        """Which items of a block are learnt from."""
        return {"learnt": ref.open().learnt(self.gradient.lesson, self.gradient.part).known}

    def work(self, work: Work) -> Arrays:
        """The state of a cell's users and items after its steps, and the losses before them."""
        own = self.grid.users_of(work.user_part)
        positions = self.grid.items_of(work.epoch, work.item_part)
        if work.users_at:
            # Copies: what is mapped cannot be written to.
            users = np.array(self._users(work.users_at, [work.user_part], own))
            items = self._items(work.items_at, positions)
        else:
            ids = all_ids(_overlapping(self.users, own))
            first = own.start - _overlapping(self.users, own)[0].first
            users = self.gradient.start("users", ids.slice(first, own.stop - own.start))
            items = self.gradient.start("items", all_ids(self.items.blocks).take(positions))
        rows, others = _split(self._rows(own), positions, self.grid.items)
        bring_here(work.learnt_at, "learnt")
        known = np.concatenate([open_array(part, "learnt") for part in work.learnt_at])[positions]
        learnt = np.flatnonzero(known).astype(np.int32)
        cell = Cell(rows, others, learnt, lambda: self._all_items(work.all_items_at))
        loss = self.gradient.descend(cell, users, items, work.seed)
        return {"users": users, "items": items, "positions": positions, "loss": np.array([loss])}

    def finish(self, side: Side, parts: tuple[str, ...], ref: BlockRef) -> Arrays:
        """The vectors of a block, from the state after the last stratum: a part for each of the users."""
        own = slice(ref.first, ref.first + ref.rows)
        if side == "users":
            state = self._users(parts, range(self.grid.size), own)
        else:
            state = self._items(parts, np.arange(own.start, own.stop))
        block = ref.open()
        rows = block.learnt(self.gradient.lesson, self.gradient.part)
        ordered = self.gradient.in_order and side == "users"
        newest = block.sequence(self.gradient.part).newest if ordered else None
        ended = Ended(state, rows, newest, lambda: self._all_items(parts))
        return known_vectors(self.gradient.vectors(side, ended), rows)

    def _users(self, paths: Sequence[str], parts: Sequence[int], wanted: slice) -> Floats:
        """The state of a range of users, from the parts that lie at the paths."""
        pieces = []
        for path, part in zip(paths, parts, strict=True):
            own = self.grid.users_of(part)
            first, last = max(own.start, wanted.start), min(own.stop, wanted.stop)
            if first < last:
                state = open_array(path, "users")
                pieces.append(state[first - own.start : last - own.start])
        return np.concatenate(pieces)

    def _items(self, paths: Sequence[str], wanted: Positions) -> Floats:
        """The state of some items, from parts that have them all."""
        bring_here(paths, "positions", "items")
        place = np.full(self.grid.items, -1)
        place[wanted] = np.arange(len(wanted))
        found = np.empty((len(wanted), open_array(paths[0], "items").shape[1]), dtype=np.float32)
        for path in paths:
            targets = place[open_array(path, "positions")]
            found[targets[targets >= 0]] = open_array(path, "items")[targets >= 0]
        return found

    def _all_items(self, paths: Sequence[str]) -> Floats:
        if paths:
            return self._items(paths, np.arange(self.grid.items))
        return self.gradient.start("items", all_ids(self.items.blocks))

    def _rows(self, wanted: slice) -> Entries:
        """What is learnt from of a range of users."""
        pieces, before = [], []
        for ref in _overlapping(self.users, wanted):
            block = ref.open()
            rows = block.learnt(self.gradient.lesson, self.gradient.part)
            first, last = max(0, wanted.start - ref.first), min(ref.rows, wanted.stop - ref.first)
            own = slice(int(rows.indptr[first]), int(rows.indptr[last]))
            weights = np.ones_like(rows.data[own]) if rows.weights is None else rows.weights[own]
            lengths = np.diff(rows.indptr[first : last + 1])
            pieces.append((lengths, rows.indices[own], rows.data[own], weights))
            if self.gradient.in_order:
                before.append(block.sequence(self.gradient.part).before[own])
        lengths, indices, data, weights = map(np.concatenate, zip(*pieces, strict=True))
        earlier = np.concatenate(before) if before else None
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        return Entries(indptr, indices, data, weights, earlier)


def _overlapping(blocks: BlockSet, wanted: slice) -> list[BlockRef]:
    """The blocks that have rows of a range."""
    return [
        ref
        for ref in blocks.blocks
        if ref.first < wanted.stop and wanted.start < ref.first + ref.rows
    ]


def _split(rows: Entries, positions: Positions, columns: int) -> tuple[Entries, Entries]:
    """The entries in some columns, which are numbered anew, and those in all others."""
    place = np.full(columns, -1, dtype=np.int32)
    place[positions] = np.arange(len(positions), dtype=np.int32)
    numbered = place[rows.indices]
    here = numbered >= 0
    before = rows.before
    if before is not None:
        numbered_before = np.where(before < 0, np.int32(-1), place[before])
        outside = (before >= 0) & (numbered_before < 0)
        before = np.where(outside, -2 - before, numbered_before)
    return rows._replace(indices=numbered, before=before).select(here), rows.select(~here)
