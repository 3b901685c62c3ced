"""How alike the rows of a snapshot's blocks are, one task per block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, all_flags
from toplists.engine.caps import Columns
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.measures import (
    LinearFilter,
    Similarities,
    Source,
    Walk,
    prepare,
    prepare_filter,
    prepare_walk,
)
from toplists.engine.sessions import rows_of, split_sessions, stack_sessions
from toplists.engine.shapes import neighbours_part
from toplists.engine.storage import Arrays
from toplists.engine.times import NEVER, Times


@dataclass(frozen=True)
class Comparison:
    """Which rows are compared by what, and how; a worker opens it once for all its tasks.

    `rows` and `columns` are the two sides of one snapshot. `lesson` says whether the values that are
    compared are weights of what was liked, or ratings. For `source` and `signed` see `measures.prepare`.
    With `session_gap_hours` items are compared by sessions of users, instead of whole users.
    """

    rows: BlockSet
    columns: BlockSet
    part: Part
    lesson: Lesson
    settings: SimilaritySettings | Walk | LinearFilter
    users_are_rows: bool
    source: Source = "row"
    signed: bool = False
    session_gap_hours: float | None = None

    def neighbours(
        self,
        ref: BlockRef,
        k: int | None,
        *,
        only_flagged: bool = False,
        rows: slice | None = None,
    ) -> Sparse:
        """The k nearest other rows of each row of a block, or of some `rows` of it, best first.

        With `None` for k these are all there are. With `only_flagged` neighbours are sought among the rows whose
        flag is set.
        """
        candidates = all_flags(self.rows.blocks) if only_flagged else None
        own, first = _rows(ref, self), ref.first
        if rows is not None:
            own, first = own.of(np.arange(rows.start, rows.stop)), first + rows.start
        return _opened(self).of(own, first, candidates, k=k)

    def shares(self, ref: BlockRef) -> npt.NDArray[np.float64]:
        """The share that each row of a block has of the columns that have anything: float64[rows].

        With a cap only what counts of heavy columns is had of them.
        """
        rows, cap = _rows(ref, self), _opened(self).cap
        counted = rows if cap is None else cap.of(rows, ref.first)
        return np.diff(counted.indptr) / max(1, _filled_columns(self))

    def arrays_of(self, ref: BlockRef, k: int | None, *, only_flagged: bool = False) -> Arrays:
        """The same as a part of `ItemWeights`."""
        return neighbours_part(self.neighbours(ref, k, only_flagged=only_flagged))

    def write_neighbours(
        self, spark: SparkSession, k: int | None, folder: Path, *, only_flagged: bool = False
    ) -> tuple[str, ...]:
        """Find the neighbours of all rows, and write them as parts of `ItemWeights`, one per block."""
        find = partial(self.arrays_of, k=k, only_flagged=only_flagged)
        side = "users" if self.users_are_rows else "items"
        return write_parts(spark, self.rows.blocks, find, folder, side)


@lru_cache(maxsize=2)
def _opened(comparison: Comparison) -> Similarities:
    settings, source = comparison.settings, comparison.source
    columns, times = _columns(comparison)
    if isinstance(settings, Walk):
        return prepare_walk(settings, columns, comparison.rows.rows, source=source)
    if isinstance(settings, LinearFilter):
        return prepare_filter(settings, columns, comparison.rows.rows)
    return prepare(
        settings,
        columns,
        comparison.rows.rows,
        source=source,
        users_are_rows=comparison.users_are_rows,
        signed=comparison.signed,
        times=times,
    )


def _columns(comparison: Comparison) -> tuple[Columns, Sequence[Times | None]]:
    """What is compared by, and when it came about, which is there only where it is asked for."""
    settings, blocks = comparison.settings, comparison.columns.blocks
    if comparison.session_gap_hours is not None:
        return _sessions(comparison)
    columns = [(ref.first, _learnt(ref, comparison)) for ref in blocks]
    if not isinstance(settings, SimilaritySettings) or settings.cap is None:
        return columns, ()
    return columns, [ref.open().times_of(comparison.lesson, comparison.part) for ref in blocks]


@lru_cache(maxsize=2)
def _sessions(comparison: Comparison) -> tuple[Columns, Sequence[Times]]:
    """The sessions of all users, as columns."""
    found = []
    for ref in comparison.columns.blocks:
        users = _learnt(ref, comparison)
        times = ref.open().times_of(comparison.lesson, comparison.part)
        if times is None:
            times = np.full(len(users.columns), NEVER)
        found.append(split_sessions(users, times, comparison.session_gap_hours or 0.0))
    return stack_sessions([sessions for sessions, _ in found]), [times for _, times in found]


@lru_cache(maxsize=2)
def _filled_columns(comparison: Comparison) -> int:
    """How many columns have anything."""
    return sum(int(np.count_nonzero(np.diff(block.indptr))) for _, block in _columns(comparison)[0])


def _rows(ref: BlockRef, comparison: Comparison) -> Sparse:
    if comparison.session_gap_hours is None:
        return _learnt(ref, comparison)
    return rows_of(_sessions(comparison)[0], ref.first, ref.rows)


def _learnt(ref: BlockRef, comparison: Comparison) -> Sparse:
    return Sparse(*ref.open().learnt(comparison.lesson, comparison.part)[:3])
