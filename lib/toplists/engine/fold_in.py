"""Folding in: vectors for rows that a fit did not know, from its frozen vectors of the other side.

One half of an alternation, solved exactly and written beside the fit: who came after it, or acted since,
gets a vector without a fit of everything. Rows of the frozen side that have no vector say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.alone import fit_alone
from toplists.engine.biases import Biases
from toplists.engine.blocks import Block, BlockRef, BlockSet, Lesson, Part, Rows, Side, other_side
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.half import remove_rests, solve_side
from toplists.engine.kernels.equations import Equations
from toplists.engine.objective import Objective
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.side_sums import sum_block
from toplists.engine.storage import Arrays


@dataclass(frozen=True)
class FoldIn:
    """Vectors to be made: the blocks of both sides, the objective of the fit, and its vectors.

    The vectors stand by the positions of the blocks, wherever they were fitted; see
    `toplists.models.store.load_shape`, which joins them on external ids.
    """

    blocks: Mapping[Side, BlockSet]
    objective: Objective
    factors: Factors


def fold_in(spark: SparkSession, fold: FoldIn, folder: Path, single_task_entries: int) -> Factors:
    """Fold everybody in, and leave the factors under `folder`, which every executor sees.

    Items without a vector get one from the users, then every user gets a new one from all items.
    The result depends neither on the blocks nor on where they are solved; with at most
    `single_task_entries` that is one task.
    """
    if fold.blocks["users"].entries > single_task_entries:
        return fold_in_by(fold, folder, partial(write_parts, spark))
    return fit_alone(spark, partial(fold_in_by, fold), folder)


def fold_in_by(fold: FoldIn, folder: Path, write: WriteParts) -> Factors:
    """The same with parts written by `write`."""
    blocks, objective, factors = fold.blocks, fold.objective, fold.factors
    items = factors.items
    if not all(open_vectors(part)[1].all() for part in items):
        new = fold_side(objective, "items", blocks, factors.users, folder, write)
        items = write(list(zip(items, new, strict=True)), _complete, folder, "items-folded")
    users = fold_side(objective, "users", blocks, items, folder, write)
    return Factors(users=users, items=items)


def fold_side(
    objective: Objective,
    side: Side,
    blocks: Mapping[Side, BlockSet],
    frozen: tuple[str, ...],
    folder: Path,
    write: WriteParts,
) -> tuple[str, ...]:
    """New vectors for all rows of one side, as parts: the exact solution given the frozen side.

    Where every row of the frozen side has a vector, this is what half an iteration would give, bit for
    bit.

    Args:
        objective: What the frozen vectors minimize.
        side: The side that gets new vectors.
        blocks: The blocks of both sides.
        frozen: The parts of the other side's vectors.
        folder: Where parts go.
        write: How they are computed and written.
    """
    other = other_side(side)
    sum_up = partial(_with_sums, with_gram=objective.shared_weight > 0)
    pieces = list(zip(blocks[other].blocks, frozen, strict=True))
    summed = write(pieces, sum_up, folder, f"{other}-frozen")
    new = solve_side(
        _OfKnown(objective, summed),
        "exact",
        side,
        blocks[side],
        fixed_parts=summed,
        old=(),
        folder=folder,
        number=0,
        write=write,
    )
    remove_rests(folder, f"folding in {side}", summed)
    return new


def _with_sums(piece: tuple[BlockRef, str], *, with_gram: bool) -> Arrays:
    """Frozen vectors with the sums over them, which stored ones do not have."""
    ref, part = piece
    vectors, known = open_vectors(part)
    return {"vectors": vectors, "known": known, **sum_block(ref, vectors, with_gram=with_gram)}


def _complete(piece: tuple[str, str]) -> Arrays:
    """A block's vectors, with new ones for the rows that had none."""
    (vectors, known), (new, found) = map(open_vectors, piece)
    return {"vectors": np.where(known[:, np.newaxis], vectors, new), "known": known | found}


@dataclass(frozen=True)
class _OfKnown:
    """An objective to which entries of rows without a frozen vector do not belong."""

    objective: Objective
    frozen: tuple[str, ...]

    @property
    def lesson(self) -> Lesson:
        return self.objective.lesson

    @property
    def part(self) -> Part:
        return self.objective.part

    @property
    def shared_weight(self) -> float:
        return self.objective.shared_weight

    @property
    def biases(self) -> Biases | None:
        return self.objective.biases

    def start(self, block: Block) -> npt.NDArray[np.float32]:
        return self.objective.start(block)

    def equations(self, rows: Rows, offsets: npt.NDArray[np.float32]) -> Equations:
        keep = _known(self.frozen)[rows.indices]
        if not keep.all():
            before = np.concatenate(([0], np.cumsum(keep)))
            weights = None if rows.weights is None else rows.weights[keep]
            rows = Rows(before[rows.indptr], rows.indices[keep], rows.data[keep], weights)
        return self.objective.equations(rows, offsets)


@lru_cache(maxsize=2)
def _known(parts: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    return np.concatenate([open_vectors(part)[1] for part in parts])
