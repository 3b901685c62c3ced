"""How alike the rows of a snapshot's blocks are, one task per block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from pyspark.sql import SparkSession

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, all_flags
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.measures import Similarities, Source, Walk, prepare, prepare_walk
from toplists.engine.shapes import neighbours_part
from toplists.engine.storage import Arrays


@dataclass(frozen=True)
class Comparison:
    """Which rows are compared by what, and how; a worker opens it once for all its tasks.

    `rows` and `columns` are the two sides of one snapshot. `lesson` says whether the values that are
    compared are weights of what was liked, or ratings. For `source` and `signed` see `measures.prepare`.
    """

    rows: BlockSet
    columns: BlockSet
    part: Part
    lesson: Lesson
    settings: SimilaritySettings | Walk
    users_are_rows: bool
    source: Source = "row"
    signed: bool = False

    def neighbours(self, ref: BlockRef, k: int | None, *, only_flagged: bool = False) -> Sparse:
        """The k nearest other rows of each row of a block, best first; `None` = all there are.

        With `only_flagged` neighbours are sought among the rows whose flag is set.
        """
        candidates = all_flags(self.rows.blocks) if only_flagged else None
        return _opened(self).of(_learnt(ref, self), ref.first, candidates, k=k)

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
    blocks, lesson, part = comparison.columns.blocks, comparison.lesson, comparison.part
    columns = [(ref.first, _learnt(ref, comparison)) for ref in blocks]
    if isinstance(settings, Walk):
        return prepare_walk(settings, columns, comparison.rows.rows, source=source)
    return prepare(
        settings,
        columns,
        comparison.rows.rows,
        source=source,
        users_are_rows=comparison.users_are_rows,
        signed=comparison.signed,
        times=[] if settings.cap is None else [ref.open().times_of(lesson, part) for ref in blocks],
    )


def _learnt(ref: BlockRef, comparison: Comparison) -> Sparse:
    return Sparse(*ref.open().learnt(comparison.lesson, comparison.part)[:3])
