"""How tasks hand arrays to one another: as parts, folders of `.npy` files that the driver names.

Tasks write what they computed under a name that no other attempt uses and return where it lies. Only
paths pass through the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockRef, BlockSet
from toplists.engine.storage import Arrays, is_intact, save_part
from toplists.engine.tasks import Batches, Collect, collect_here, collect_tasks, map_batches

T = TypeVar("T")
WriteParts: TypeAlias = Callable[
    [Sequence[Any], Callable[[Any], Arrays], Path, str], tuple[str, ...]
]
"""`write_parts` of a session, `write_parts_by` of a way to collect, or `write_parts_here`."""

_WRITTEN = "part int, path string"
_PAIR = ("pos", "other", "weight")


def write_parts_by(
    collect: Collect,
    pieces: Sequence[T],
    compute: Callable[[T], Arrays],
    folder: Path,
    name: str,
) -> tuple[str, ...]:
    """Compute arrays for every piece, and write them.

    Args:
        collect: Who works on the pieces.
        pieces: What they are; small and picklable.
        compute: A picklable function that runs where the work is done.
        folder: Where the parts go; every executor sees it.
        name: Prefix of the parts' names.

    Returns:
        The part of each piece, in their order.
    """
    target = str(folder)

    def write(piece: tuple[int, T]) -> str:
        number, content = piece
        return _save(target, name, number, compute(content))

    return tuple(collect(list(enumerate(pieces)), write))


def write_parts(
    spark: SparkSession,
    pieces: Sequence[T],
    compute: Callable[[T], Arrays],
    folder: Path,
    name: str,
) -> tuple[str, ...]:
    """The same by Spark, a task for each piece."""
    return write_parts_by(partial(collect_tasks, spark), pieces, compute, folder, name)


def write_parts_here(
    pieces: Sequence[T], compute: Callable[[T], Arrays], folder: Path, name: str
) -> tuple[str, ...]:
    """The same in this process, piece by piece."""
    return write_parts_by(collect_here, pieces, compute, folder, name)


def damaged_parts(spark: SparkSession, parts: Sequence[str]) -> tuple[str, ...]:
    """Those of the parts that are not as they were written, or gone; looked at in tasks."""

    def look(paths: Sequence[str]) -> list[str]:
        return [path for path in paths if not is_intact(path)]

    # A task each would cost more than most parts take to read.
    tasks = spark.sparkContext.defaultParallelism
    pieces = [parts[first::tasks] for first in range(min(tasks, len(parts)))]
    return tuple(path for damaged in collect_tasks(spark, pieces, look) for path in damaged)


def write_vectors(
    rows: DataFrame, side: BlockSet, rank: int, folder: Path, name: str
) -> tuple[str, ...]:
    """Bring vectors to the blocks that their positions fall into, and write them as `Factors` parts.

    Args:
        rows: `[pos: int, vector: array<float>]`, each position at most once.
        side: The blocks of the side that the positions belong to.
        rank: Length of the vectors.
        folder: Where the parts go; every executor sees it.
        name: Prefix of the parts' names.

    Returns:
        The part of each block, in their order.
    """

    def place(ref: BlockRef, batches: Iterable[pa.RecordBatch]) -> Arrays:
        vectors = np.zeros((ref.rows, rank), dtype=np.float32)
        known = np.zeros(ref.rows, dtype=np.bool_)
        for batch in batches:
            offsets = batch.column("pos").to_numpy() - ref.first
            vectors[offsets] = batch.column("vector").flatten().to_numpy().reshape(-1, rank)
            known[offsets] = True
        return {"vectors": vectors, "known": known}

    return _write_placed(rows, side, place, folder, name)


def write_scores(
    rows: DataFrame, items: BlockSet, segments: int, folder: Path, name: str
) -> tuple[str, ...]:
    """Bring scores to the blocks that their positions fall into, and write them as `Ranking` parts.

    Args:
        rows: `[segment: int, pos: int, score: double]`, each segment and position at most once.
        items: The blocks of the items that the positions belong to.
        segments: Number of segments.
        folder: Where the parts go; every executor sees it.
        name: Prefix of the parts' names.

    Returns:
        The part of each block, in their order.
    """

    def place(ref: BlockRef, batches: Iterable[pa.RecordBatch]) -> Arrays:
        scores = np.full((segments, ref.rows), -np.inf)
        for batch in batches:
            offsets = batch.column("pos").to_numpy() - ref.first
            scores[batch.column("segment").to_numpy(), offsets] = batch.column("score").to_numpy()
        return {"scores": scores}

    return _write_placed(rows, items, place, folder, name)


def write_lists(
    rows: DataFrame,
    side: BlockSet,
    arrays: tuple[str, str, str],
    k: int,
    folder: Path,
    name: str,
) -> tuple[str, ...]:
    """Bring weighted pairs to the blocks that their positions fall into, and write each row's best as lists.

    Args:
        rows: `[pos: int, other: int, weight: double]`, each pair at most once.
        side: The blocks of the side that the positions belong to.
        arrays: What a part calls where lists begin, the others in them, and their weights.
        k: Of each row, so many are kept, by weight, then by the other's position.
        folder: Where the parts go; every executor sees it.
        name: Prefix of the parts' names.

    Returns:
        The part of each block, in their order.
    """

    def place(ref: BlockRef, batches: Iterable[pa.RecordBatch]) -> Arrays:
        whole = [tuple(batch.column(c).to_numpy() for c in _PAIR) for batch in batches]
        none = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
        own, others, weights = map(np.concatenate, zip(none, *whole, strict=True))
        stored = weights.astype(np.float32)
        order = np.lexsort((others, -stored, own))
        lengths = np.bincount(own - ref.first, minlength=ref.rows)
        ends = np.cumsum(lengths)
        kept = order[np.arange(len(order)) - np.repeat(ends - lengths, lengths) < k]
        indptr = np.concatenate(([0], np.cumsum(np.minimum(lengths, k))))
        lists = (indptr, others[kept].astype(np.int32), stored[kept])
        return dict(zip(arrays, lists, strict=True))

    return _write_placed(rows.select(*_PAIR), side, place, folder, name)


def _write_placed(
    rows: DataFrame,
    side: BlockSet,
    place: Callable[[BlockRef, Iterable[pa.RecordBatch]], Arrays],
    folder: Path,
    name: str,
) -> tuple[str, ...]:
    """Bring rows to the blocks that their `pos` falls into, and write what `place` makes of each."""
    starts = ", ".join(map(str, side.starts()))
    block = F.expr(f"array_size(filter(array({starts}), first -> first <= pos)) - 1")
    target, refs = str(folder), side.blocks

    def write(batches: Batches) -> Batches:
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        path = _save(target, name, number, place(refs[number], batches))
        yield pa.RecordBatch.from_arrays(
            [pa.array([number], pa.int32()), pa.array([path])], names=["part", "path"]
        )

    placed = rows.repartitionById(len(refs), block)
    written: dict[int, str] = dict(map(tuple, map_batches(placed, write, _WRITTEN).collect()))
    # Spark skips the tasks of a shuffle that turns out to be empty.
    for number in set(range(len(refs))) - set(written):
        written[number] = _save(target, name, number, place(refs[number], ()))
    return tuple(written[number] for number in range(len(refs)))


def _save(folder: str, name: str, number: int, arrays: Arrays) -> str:
    return save_part(folder, f"{name}-{number:05d}", arrays, sealed=True)
