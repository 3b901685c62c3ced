"""Alternating least squares over blocks: the users from the items, the items from the users, in turn.

The side that is held fixed lies in files that every task maps into memory; each task solves one block
and writes it. After every half the driver commits a manifest of what was written, which is exchange,
checkpoint and restart in one. Small data is fitted in a single task, by the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.format import open_memmap
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_limits

from toplists.engine.biases import Biases
from toplists.engine.blocks import (
    SIDES,
    Block,
    BlockRef,
    BlockSet,
    Side,
    all_ids,
    other_side,
    tiles,
)
from toplists.engine.exchange import Arrays, write_parts, write_parts_here
from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.products import gram, multiply_rows
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import (
    attempt_folder,
    commit_manifest,
    open_array,
    read_manifest,
    save_arrays,
)
from toplists.engine.tasks import run_tasks
from toplists.lake.failpoints import written

Solver = Literal["exact", "cg"]

_ALONE_ENTRIES = 400_000
"""Up to so many entries, a Spark job per half would cost more than its arithmetic."""

_CG_STEPS = 3
_ROWS_AT_A_TIME = 65_536

WriteParts = Callable[[Sequence[Any], Callable[[Any], Arrays], Path, str], tuple[str, ...]]


class Objective(Protocol):
    """What is minimized, as least squares per row. Picklable; knows nothing of Spark."""

    @property
    def shared_weight(self) -> float:
        """Weight of what all rows have in common: every row of the fixed side, as a target of 0."""
        ...

    @property
    def biases(self) -> Biases | None:
        """How biases are kept in the vectors, if there are any."""
        ...

    def start(self, block: Block) -> npt.NDArray[np.float32]:
        """What a block of items is before the first half, as if it was solved: float32[rows, k]."""
        ...

    def equations(self, block: Block, offsets: npt.NDArray[np.float32]) -> Equations:
        """The equations of a block; `offsets` float32[n] is what the fixed side predicts by itself."""
        ...


@dataclass(frozen=True)
class Start:
    """Item vectors of an earlier fit: a part for each block, which says by its ids whose they are."""

    blocks: tuple[BlockRef, ...]
    parts: tuple[str, ...]

    def of(self, ids: pa.StringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Which of `ids` have a vector, and their vectors: `(int64[found], float32[found, k])`."""
        vectors, known = zip(*map(open_vectors, self.parts), strict=True)
        earlier = pc.index_in(ids, all_ids(self.blocks)).to_numpy(zero_copy_only=False)
        here = np.flatnonzero(~np.isnan(earlier))
        there = earlier[here].astype(np.int64)
        has_one = np.concatenate(known)[there]
        return here[has_one], np.concatenate(vectors)[there[has_one]]


@dataclass(frozen=True)
class Alternation:
    """A fit to be made: the blocks of both sides and how they are fitted.

    Without a `start` the first item vectors are the objective's; with one, items that are not in it
    begin at zero.
    """

    blocks: Mapping[Side, BlockSet]
    objective: Objective
    solver: Solver
    iterations: int
    start: Start | None = None

    @property
    def entries(self) -> int:
        """Entries of one side's blocks, at most so many of which are fitted to."""
        return sum(ref.entries for ref in self.blocks["users"].blocks)


def alternate(spark: SparkSession, fit: Alternation, folder: Path) -> Factors:
    """Fit, and leave the factors under `folder`, which every executor sees.

    It goes on after the last half that an earlier attempt completed. The result depends neither on
    the blocks nor on where they are solved.
    """
    if fit.entries > _ALONE_ENTRIES:
        return _alternate(fit, folder, partial(write_parts, spark))
    target = str(folder)

    def fit_alone(_: None) -> Iterator[pa.RecordBatch]:
        path = attempt_folder(target, "fit")
        alternate_here(fit, path)
        yield pa.RecordBatch.from_arrays([pa.array([str(path)])], names=["path"])

    row = run_tasks(spark, [None], fit_alone, "path string").first()
    if row is None:
        raise RuntimeError("a task that writes one row returned none")
    return _Progress.read(Path(row["path"])).factors()


def alternate_here(fit: Alternation, folder: Path) -> Factors:
    """The same in this process."""
    return _alternate(fit, folder, write_parts_here)


@dataclass(frozen=True)
class _Progress:
    """How many halves are done, and where each side's vectors lie."""

    halves: int
    parts: Mapping[Side, tuple[str, ...]]

    @classmethod
    def read(cls, folder: Path) -> _Progress:
        manifest = read_manifest(folder / "progress.json") or {"halves": 0}
        return cls(manifest["halves"], {side: tuple(manifest.get(side, ())) for side in SIDES})

    def commit(self, folder: Path) -> None:
        parts = {str(side): paths for side, paths in self.parts.items()}
        commit_manifest(folder / "progress.json", {"halves": self.halves, **parts})

    def factors(self) -> Factors:
        return Factors(users=self.parts["users"], items=self.parts["items"])


def _alternate(fit: Alternation, folder: Path, write: WriteParts) -> Factors:
    progress = _Progress.read(folder)
    if not progress.parts["items"]:
        start = partial(_start, fit.objective, fit.start)
        items = write(fit.blocks["items"].blocks, start, folder, "items-000")
        progress = _Progress(0, {"users": (), "items": items})
        progress.commit(folder)
    # The users once from the first items, then both sides in every iteration, the users last.
    for half in range(progress.halves, 2 * fit.iterations + 1):
        side: Side = "items" if half % 2 else "users"
        fixed = folder / f"fixed-{half:03d}"
        with written(f"fixed side of half {half}"):
            _fix(fit.objective, progress.parts[other_side(side)], side, fixed)
        old, blocks = progress.parts[side], fit.blocks[side].blocks
        pieces = list(zip(blocks, old or [None] * len(blocks), strict=True))
        solve = partial(_solve, fit.objective, fit.solver, side, str(fixed))
        new = write(pieces, solve, folder, f"{side}-{half + 1:03d}")
        progress = _Progress(half + 1, {**progress.parts, side: new})
        progress.commit(folder)
        with written(f"removal after half {half}"):
            for replaced in (*old, str(fixed)):
                rmtree(replaced, ignore_errors=True)
    return progress.factors()


def _start(objective: Objective, start: Start | None, ref: BlockRef) -> Arrays:
    block = ref.open()
    vectors, biases = objective.start(block), objective.biases
    if start is not None:
        vectors[:] = 0  # beside fitted vectors a random one would be noise
    if biases is not None:
        vectors = biases.store(vectors, "items")
    if start is not None:
        rows, earlier = start.of(block.ids)
        vectors[rows] = earlier
    return {"vectors": vectors, "known": np.ones(ref.rows, dtype=np.bool_)}


def _fix(objective: Objective, parts: Sequence[str], side: Side, folder: Path) -> None:
    """Lay out the fixed side for the tasks that solve `side`.

    The features are turned to the eigenbasis of their Gram matrix, in which what all rows share is
    diagonal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    biases = objective.biases
    opened = [open_vectors(part)[0] for part in parts]
    n_rows = sum(map(len, opened))
    width = opened[0].shape[1] - (0 if biases is None else 1)
    # Mapped, not held: one side may be larger than this process should be.
    features = open_memmap(
        folder / "features.npy", mode="w+", dtype=np.float32, shape=(n_rows, width)
    )
    offsets = np.zeros(n_rows, dtype=np.float32)
    first = 0
    for vectors in opened:
        rows = slice(first, first + len(vectors))
        features[rows] = vectors if biases is None else biases.features(vectors, side)
        offsets[rows] = 0 if biases is None else biases.offsets(vectors, side)
        first = rows.stop
    base, basis = np.zeros(width), np.eye(width)
    if objective.shared_weight > 0:
        with threadpool_limits(limits=1):
            shared, basis = np.linalg.eigh(gram(features))
            turn = basis.astype(np.float32)
            for rows in tiles(n_rows, _ROWS_AT_A_TIME):
                features[rows] = multiply_rows(features[rows], turn)
        base = objective.shared_weight * np.maximum(shared, 0.0)
    features.flush()
    save_arrays(folder, {"offsets": offsets, "base": base, "basis": basis})


def _solve(
    objective: Objective, solver: Solver, side: Side, fixed: str, piece: tuple[BlockRef, str | None]
) -> Arrays:
    """New vectors of one block of `side`."""
    # Here, in the task: numba takes a second to load, and the driver never solves anything.
    from toplists.engine.kernels.least_squares import descend, solve_exactly

    ref, old = piece
    biases = objective.biases
    rows = objective.equations(ref.open(), open_array(fixed, "offsets"))
    features, base = open_array(fixed, "features"), open_array(fixed, "base")
    basis = open_array(fixed, "basis").astype(np.float32)
    if solver == "exact":
        solved = solve_exactly(rows, features, base)
    else:
        begin = np.zeros((ref.rows, features.shape[1]), dtype=np.float32)
        if old is not None:
            vectors, _ = open_vectors(old)
            begin = vectors if biases is None else biases.solved(vectors, side)
            begin = multiply_rows(begin, basis)
        solved = descend(rows, features, base, begin, _CG_STEPS)
    known = np.diff(rows.indptr) > 0
    vectors = multiply_rows(solved, np.ascontiguousarray(basis.T))
    if biases is not None:
        vectors = biases.store(vectors, side)
        vectors[~known] = 0
    return {"vectors": vectors, "known": known}
