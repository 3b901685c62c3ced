"""Fitted models as files that scoring tasks open: a shape's rows by position, in numbered parts.

Factors of users are cut like the user blocks, so that a task opens one part; everything by item is
needed whole by every task and is put together once per worker process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockSet
from toplists.engine.shapes import Factors, ItemWeights, Ranking, Shape
from toplists.engine.storage import (
    attempt_folder,
    commit_manifest,
    open_array,
    read_manifest,
    save_arrays,
)
from toplists.engine.tasks import Batches, map_batches

_ROWS_PER_PART = 65_536


@dataclass(frozen=True)
class StagedShape:
    """A shape that lies in files: its kind and, for every file set, the parts' folders."""

    kind: str
    n_items: int
    items: tuple[str, ...]
    users: tuple[str, ...] = ()


def stage(shape: Shape, users: BlockSet, folder: Path) -> StagedShape:
    """Write the rows of `shape` for the tasks of a scoring pass; reuse what is there.

    Args:
        shape: The model.
        users: The snapshot's user blocks; user vectors are cut alike.
        folder: Where this model's files go.
    """
    known = read_manifest(folder / "staged.json")
    if known is not None:
        return StagedShape(
            known["kind"], known["n_items"], tuple(known["items"]), tuple(known["users"])
        )
    by_chunk = F.floor(F.col("pos") / _ROWS_PER_PART).cast("int")
    n_chunks = -(-users.columns // _ROWS_PER_PART)
    user_parts: tuple[str, ...] = ()
    match shape:
        case Factors():
            starts = ", ".join(map(str, users.starts()))
            block = F.expr(f"array_size(filter(array({starts}), s -> s <= pos)) - 1")
            user_parts = _write_parts(shape.users, block, len(users.blocks), folder, "users")
            rows = shape.items
        case ItemWeights():
            rows = shape.rows
        case Ranking():
            rows = shape.rows.where(F.col("segment") == "all").drop("segment")
    staged = StagedShape(
        shape.kind,
        users.columns,
        _write_parts(rows, by_chunk, max(1, n_chunks), folder, "items"),
        user_parts,
    )
    commit_manifest(
        folder / "staged.json",
        {
            "kind": staged.kind,
            "n_items": staged.n_items,
            "items": staged.items,
            "users": staged.users,
        },
    )
    return staged


def _write_parts(
    rows: DataFrame, part: object, n_parts: int, folder: Path, name: str
) -> tuple[str, ...]:
    """Write `rows` part by part; the folder of part p is the p-th result, "" for an empty one."""
    placed = (
        rows.withColumn("part", part)  # type: ignore[arg-type]  # a Column, as the callers pass
        .repartitionById(n_parts, F.col("part"))
        .sortWithinPartitions("pos")
    )
    columns = [column for column in placed.columns if column != "part"]
    target = str(folder)

    def write(batches: Batches) -> Batches:
        collected = [batch for batch in batches if batch.num_rows]
        if not collected:
            return
        table = pa.Table.from_batches(collected).combine_chunks()
        index = table["part"][0].as_py()
        path = attempt_folder(target, f"{name}-{index:05d}")
        arrays = {}
        for column in columns:
            data = table[column].combine_chunks()
            if pa.types.is_list(data.type):
                lengths = data.value_lengths().to_numpy(zero_copy_only=False)
                arrays[f"{column}.indptr"] = np.concatenate(([0], np.cumsum(lengths)))
                arrays[column] = data.flatten().to_numpy()
            else:
                arrays[column] = data.to_numpy()
        save_arrays(path, arrays)
        yield pa.RecordBatch.from_arrays(
            [pa.array([index], pa.int32()), pa.array([str(path)])], names=["part", "path"]
        )

    paths = dict(map(tuple, map_batches(placed, write, "part int, path string").collect()))
    return tuple(paths.get(index, "") for index in range(n_parts))


@lru_cache(maxsize=4)
def item_factors(staged: StagedShape) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """All item vectors: `(float32[n_items, rank], bool[n_items] who has one)`."""
    rank = max((_rank(part) for part in staged.items if part), default=0)
    vectors = np.zeros((staged.n_items, rank), dtype=np.float32)
    known = np.zeros(staged.n_items, dtype=np.bool_)
    for part in filter(None, staged.items):
        positions = open_array(part, "pos")
        vectors[positions] = open_array(part, "vector").reshape(len(positions), rank)
        known[positions] = True
    return vectors, known


def _rank(part: str) -> int:
    lengths = open_array(part, "vector.indptr")
    return int(lengths[1] - lengths[0])


def user_factors(
    staged: StagedShape, block: int, first: int, rows: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The vectors of one block's users: `(float32[rows, rank], bool[rows] who has one)`."""
    part = staged.users[block]
    rank = _rank(part) if part else 0
    vectors = np.zeros((rows, rank), dtype=np.float32)
    known = np.zeros(rows, dtype=np.bool_)
    if part:
        offsets = open_array(part, "pos") - first
        vectors[offsets] = open_array(part, "vector").reshape(len(offsets), rank)
        known[offsets] = True
    return vectors, known


@lru_cache(maxsize=4)
def item_weights(staged: StagedShape) -> sp.csr_array:
    """The weights as float32[n_items (of the history), n_items (scored)]."""
    scored, history = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    weights = [np.empty(0, np.float32)]
    for part in filter(None, staged.items):
        lengths = np.diff(open_array(part, "neighbours.indptr"))
        scored.append(np.repeat(open_array(part, "pos"), lengths))
        history.append(open_array(part, "neighbours"))
        weights.append(open_array(part, "weights"))
    entries = (np.concatenate(weights), (np.concatenate(history), np.concatenate(scored)))
    matrix: sp.csr_array = sp.coo_array(entries, shape=(staged.n_items, staged.n_items)).tocsr()
    return matrix


@lru_cache(maxsize=4)
def ranking_scores(staged: StagedShape) -> npt.NDArray[np.float32]:
    """The score of every item in the ranking for everybody, -inf where it is not in it."""
    scores = np.full(staged.n_items, -np.inf, dtype=np.float32)
    for part in filter(None, staged.items):
        scores[open_array(part, "pos")] = open_array(part, "score")
    return scores
