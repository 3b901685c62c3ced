"""Half an iteration: one side solved from the other, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import BlockRef, BlockSet, Side
from toplists.engine.eigen import eigen
from toplists.engine.exchange import WriteParts
from toplists.engine.fixed_side import FixedSide
from toplists.engine.kernels.equations import LONG, SPAN, Equations, Solved
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.objective import Objective
from toplists.engine.shapes import open_vectors
from toplists.engine.side_sums import read_sums, sum_block
from toplists.engine.solvers import CG_STEPS, Solver
from toplists.engine.storage import Arrays, find_parts, open_array, remove_parts
from toplists.lake.failpoints import written


@dataclass(frozen=True)
class _Piece:
    """A block to be solved: its vectors so far, and the sums of its long rows by row."""

    ref: BlockRef
    old: str | None
    spans: tuple[tuple[int, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class _Span:
    """A span of a long row: its block, its row in it, the entry of the row at which it begins."""

    ref: BlockRef
    row: int
    start: int


def solve_side(
    objective: Objective,
    solver: Solver,
    side: Side,
    blocks: BlockSet,
    *,
    fixed_parts: tuple[str, ...],
    old: tuple[str, ...],
    folder: Path,
    number: int,
    write: WriteParts,
    beyond: float = 0.0,
) -> tuple[str, ...]:
    """New vectors of one side, as parts.

    Args:
        objective: What is minimized.
        solver: How a row is solved.
        side: The side.
        blocks: Its blocks.
        fixed_parts: The vectors of the other side.
        old: Its own vectors so far, where there are any.
        folder: The fit's folder.
        number: The number of this half.
        write: How parts are computed and written.
        beyond: How far to go beyond a row's solution, as a share of the way to it.
    """
    fixed = _fix(objective, side, fixed_parts, folder, number)
    spans = [
        _Span(ref, row, start)
        for ref in blocks.blocks
        for row in ref.long_rows
        for start in range(0, ref.entries_of(row), SPAN)
    ]
    sums: dict[tuple[int, int], tuple[str, ...]] = {}
    if spans:
        parts = write(spans, partial(_sum_span, objective, fixed), folder, f"spans-{number:03d}")
        for span, part in zip(spans, parts, strict=True):
            row = (span.ref.index, span.row)
            sums[row] = (*sums.get(row, ()), part)
    pieces = [
        _Piece(ref, vectors, tuple((row, sums[ref.index, row]) for row in ref.long_rows))
        for ref, vectors in zip(blocks.blocks, old or [None] * len(blocks.blocks), strict=True)
    ]
    solve = partial(_solve, objective, solver, fixed, beyond)
    return write(pieces, solve, folder, f"{side}-{number + 1:03d}")


def remove_rests(folder: Path, needed_by: str, parts: Sequence[str] = ()) -> None:
    """Remove what a half left in a fit's folder besides what it was for, and `parts`."""
    with written(f"removal of what {needed_by} needed"):
        remove_parts([*find_parts(folder, "spans-"), *parts])


def _fix(
    objective: Objective, side: Side, parts: tuple[str, ...], folder: Path, number: int
) -> FixedSide:
    """How the other side is to be seen: in the eigenbasis of its Gram matrix.

    In that basis, what all rows share is diagonal.
    """
    gram = read_sums(parts).gram
    if gram is None:
        biases = objective.biases
        width = open_vectors(parts[0])[0].shape[1] if biases is None else biases.dimensions + 1
        base, basis = np.zeros(width), np.eye(width)
    else:
        shared, basis = eigen(gram)
        base = objective.shared_weight * np.maximum(shared, 0.0)
    return FixedSide(
        str(folder), number, parts, side, objective.biases, base, basis.astype(np.float32)
    )


def _sum_span(objective: Objective, fixed: FixedSide, span: _Span) -> Arrays:
    """The sums of a span of a long row."""
    from toplists.engine.kernels.long_rows import sum_span

    features, offsets = fixed.open()
    rows = span.ref.open().learnt(objective.lesson, objective.part)
    alone = rows.within(span.row, span.start, SPAN)
    sums = sum_span(objective.equations(alone, offsets), features, 0, 0)
    return {
        "matrix": sums.matrix,
        "pulled": sums.pulled,
        "constant": np.array([sums.constant]),
    }


def _solve(
    objective: Objective, solver: Solver, fixed: FixedSide, beyond: float, piece: _Piece
) -> Arrays:
    """New vectors of one block, and the sums over them; the losses are those of the solutions."""
    features, offsets = fixed.open()
    block = piece.ref.open()
    rows = objective.equations(block.learnt(objective.lesson, objective.part), offsets)
    solved = _solved(objective, solver, fixed, features, rows, piece)
    known = np.diff(rows.indptr) > 0
    vectors = multiply_rows(solved.rows, np.ascontiguousarray(fixed.basis.T))
    if beyond:
        vectors += np.float32(beyond) * (vectors - _before(objective, fixed, piece))
        vectors[~known] = 0
    penalties = rows.ridge * np.square(vectors, dtype=np.float64).sum(axis=1)
    if objective.biases is not None:
        vectors = objective.biases.store(vectors, fixed.side)
        vectors[~known] = 0
    sums = sum_block(
        piece.ref,
        vectors,
        losses=solved.losses,
        penalties=penalties,
        singular=solved.singular,
        with_gram=objective.shared_weight > 0,
    )
    return {"vectors": vectors, "known": known, **sums}


def _solved(
    objective: Objective,
    solver: Solver,
    fixed: FixedSide,
    features: npt.NDArray[np.float32],
    rows: Equations,
    piece: _Piece,
) -> Solved:
    # Here, in the task: numba takes a second to load, and the driver never solves anything.
    from toplists.engine.kernels.conjugate_gradients import descend
    from toplists.engine.kernels.least_squares import solve_exactly
    from toplists.engine.kernels.long_rows import Sums, add_spans
    from toplists.engine.kernels.multiplicative import multiply

    def read_span(part: str) -> Sums:
        matrix, pulled, constant = (
            open_array(part, name) for name in ("matrix", "pulled", "constant")
        )
        return Sums(matrix, pulled, float(constant[0]))

    long_rows = {row: add_spans(list(map(read_span, parts))) for row, parts in piece.spans}
    if solver == "exact":
        return solve_exactly(rows, features, fixed.base, long_rows, LONG)
    if solver == "multiplicative":
        return multiply(rows, features, _before(objective, fixed, piece), long_rows, LONG)
    begin = multiply_rows(_before(objective, fixed, piece), fixed.basis)
    return descend(rows, features, fixed.base, begin, CG_STEPS, long_rows, LONG)


def _before(objective: Objective, fixed: FixedSide, piece: _Piece) -> npt.NDArray[np.float32]:
    """The vectors so far of one block, as they are solved for; zeros where there are none."""
    if piece.old is None:
        return np.zeros((piece.ref.rows, len(fixed.basis)), dtype=np.float32)
    vectors, _ = open_vectors(piece.old)
    return vectors if objective.biases is None else objective.biases.solved(vectors, fixed.side)
