"""Alternating least squares over blocks: the users from the items, the items from the users, in turn.

The side that is held fixed lies in files that every task maps into memory; each task solves one block
and writes it, with sums over its rows. After every half the driver commits a manifest of what was
written, which is exchange, checkpoint and restart in one. Small data is fitted in a single task, by the
same steps.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from toplists.engine.alone import run_alone
from toplists.engine.blocks import SIDES, BlockRef, BlockSet, Side, all_ids, other_side
from toplists.engine.exchange import WriteParts, write_parts, write_parts_here
from toplists.engine.half import remove_rests, solve_side
from toplists.engine.objective import Objective
from toplists.engine.progress import Progress, fingerprint_of
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.side_sums import read_sums, sum_block
from toplists.engine.solvers import Solver
from toplists.engine.storage import Arrays

_LOG = logging.getLogger(__name__)

_MOST_BEYOND = 0.7


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

    It ends after `iterations`, or after one more than the first that changes the objective by a smaller
    share than `tolerance`. Without a `start` the first item vectors are the objective's; with one, items
    that are not in it begin at zero.

    With `over_relaxation` the rows go beyond their solutions in all iterations but the first and the
    last, which takes about half as many iterations to the same objective. Alternation is the block
    Gauss-Seidel method, and this is successive over-relaxation (Young 1954). By a factor below 2 it never
    raises the objective, which is quadratic in a row, and least at the solution; nor does it beyond a few
    steps of conjugate gradients, which end where it is least among all that they searched. The factor grows
    as Nesterov's momentum does.
    """

    blocks: Mapping[Side, BlockSet]
    objective: Objective
    solver: Solver
    iterations: int
    start: Start | None = None
    tolerance: float | None = None
    over_relaxation: bool = True

    @property
    def fingerprint(self) -> str:
        """Tells fits apart whose halves are not one another's."""
        length = (self.iterations, self.tolerance, self.over_relaxation)
        return fingerprint_of(self.blocks, self.objective, self.solver, self.start, length)

    def is_done(self, objective: tuple[float, ...]) -> bool:
        """Whether the fit ends after the iterations with these objectives."""
        return len(objective) == self.iterations or self._gains_little(objective[:-1])

    def beyond(self, objective: tuple[float, ...]) -> float:
        """How far the iteration after these goes beyond a solution, as a share of the way to it."""
        done = len(objective)
        is_last = done + 1 == self.iterations or self._gains_little(objective)
        if is_last or not self.over_relaxation:
            return 0.0
        return min(done / (done + 3), _MOST_BEYOND)

    def _gains_little(self, objective: tuple[float, ...]) -> bool:
        """Whether the last of these iterations did."""
        if self.tolerance is None or len(objective) < 2:
            return False
        before, now = objective[-2:]
        return abs(before - now) < self.tolerance * abs(before)


@dataclass(frozen=True)
class _State:
    """What is known after a half.

    `parts` are the vectors of each side, `objective` is what was minimized after each iteration,
    `singular` how many rows of each side had no unique solution when they were solved last.
    """

    halves: int
    parts: Mapping[Side, tuple[str, ...]]
    objective: tuple[float, ...] = ()
    singular: Mapping[Side, int] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        return (*self.parts["users"], *self.parts["items"])

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "singular": dict(self.singular or {})}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> _State:
        parts = {side: tuple(content["parts"].get(side, ())) for side in SIDES}
        return cls(content["halves"], parts, tuple(content["objective"]), content["singular"])


@dataclass(frozen=True)
class AlternationResult:
    """Where the factors are, and how the fit went.

    `objective` is what was minimized, after each iteration; `singular_rows` the number of rows whose
    vector is not unique, because there is no penalty or one that is too small.
    """

    factors: Factors
    objective: tuple[float, ...]
    singular_rows: int


def alternate(
    spark: SparkSession, fit: Alternation, folder: Path, single_task_entries: int
) -> AlternationResult:
    """Fit, and leave the factors under `folder`, which every executor sees.

    It goes on after the last half that an earlier attempt completed. The result depends neither on
    the blocks nor on where they are solved; with at most `single_task_entries` that is one task.
    """
    if fit.blocks["users"].entries > single_task_entries:
        return alternate_by(fit, folder, partial(write_parts, spark))
    return alternate_by(fit, run_alone(spark, partial(alternate_by, fit), folder), write_parts_here)


def alternate_by(fit: Alternation, folder: Path, write: WriteParts) -> AlternationResult:
    """The same with parts written by `write`."""
    progress = Progress(folder, fit.fingerprint, _State.from_json)
    state = progress.resume()
    if state is None:
        begin = partial(_begin, fit.objective, fit.start)
        items = write(fit.blocks["items"].blocks, begin, folder, "items-000")
        state = _State(0, {"users": (), "items": items})
        progress.commit(state)
    while not fit.is_done(state.objective):
        state = _next(fit, state, folder, write)
        progress.commit(state)
    factors = Factors(users=state.parts["users"], items=state.parts["items"])
    return AlternationResult(factors, state.objective, sum((state.singular or {}).values()))


def _next(fit: Alternation, state: _State, folder: Path, write: WriteParts) -> _State:
    """Do one half."""
    number = state.halves
    side: Side = "items" if number % 2 else "users"
    new = solve_side(
        fit.objective,
        fit.solver,
        side,
        fit.blocks[side],
        fixed_parts=state.parts[other_side(side)],
        old=state.parts[side],
        folder=folder,
        number=number,
        write=write,
        beyond=fit.beyond(state.objective),
    )
    sums = read_sums(new)
    objective = state.objective
    if side == "users" and number > 0:
        objective = (*objective, sums.loss + read_sums(state.parts["items"]).penalty)
        _LOG.info("iteration %d: objective %.6g", len(objective), objective[-1])
    remove_rests(folder, f"half {number}")
    return _State(
        halves=number + 1,
        parts={**state.parts, side: new},
        objective=objective,
        singular={**(state.singular or {}), side: sums.singular},
    )


def _begin(objective: Objective, start: Start | None, ref: BlockRef) -> Arrays:
    """The first vectors of a block of items."""
    block = ref.open()
    vectors, biases = objective.start(block), objective.biases
    if start is not None:
        vectors[:] = 0  # beside fitted vectors a random one would be noise
    if biases is not None:
        vectors = biases.store(vectors, "items")
    if start is not None:
        rows, earlier = start.of(block.ids)
        vectors[rows] = earlier
    sums = sum_block(ref, vectors, with_gram=objective.shared_weight > 0)
    return {"vectors": vectors, "known": np.ones(ref.rows, dtype=np.bool_), **sums}
