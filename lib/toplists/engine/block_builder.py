"""Building a snapshot's blocks from its Parquet files, in Python tasks from end to end.

Nothing crosses from the JVM: tasks read the columns they need, split them by block and write chunks,
then one task per block puts its chunks in order. Both sides are built in the same two passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.blocks import (
    SIDES,
    BlockRef,
    BlockSet,
    Side,
    commit_blocks,
    open_blocks,
    other_side,
    write_ids,
)
from toplists.engine.kernels.equations import LONG
from toplists.engine.kernels.ordered_sums import CHUNK_ROWS
from toplists.engine.storage import Array, find_array, open_array, save_part
from toplists.engine.tasks import run_tasks

_CHUNKS = 4096  # granularity of the cut: rows are weighed in about this many groups


@dataclass(frozen=True)
class Axis:
    """One side of a snapshot as it is stored.

    `files` are Parquet files with the columns `position` (int, each value once), `id` (string),
    `size` (long, entries of the row, at least 1) and, if named, `flag` (boolean; true without it).
    `rows` is the number of positions.
    """

    files: tuple[str, ...]
    position: str
    id: str
    size: str
    flag: str | None
    rows: int


def build_blocks(
    spark: SparkSession,
    interactions: Sequence[str],
    axes: Mapping[Side, Axis],
    *,
    block_entries: int,
    folder: Path,
) -> tuple[BlockSet, BlockSet]:
    """The blocks of both sides, users first; built and committed unless they are there.

    Args:
        spark: The session.
        interactions: Parquet files of `[<position of users>: int, <position of items>: int,
            weight: float, value: double, rating_weight: float, split: string]`, each pair once.
        axes: Both sides.
        block_entries: Entries per block, about: blocks are cut by work, not by rows.
        folder: The snapshot's folder for blocks; every executor sees it.
    """
    known = [open_blocks(folder, side) for side in SIDES]
    if known[0] is not None and known[1] is not None:
        return known[0], known[1]
    starts = _cut(spark, axes, block_entries)
    chunks = _split(spark, interactions, axes, starts, folder)
    refs = _assemble(spark, axes, starts, chunks, folder)
    users, items = (
        BlockSet(tuple(refs[side]), axes[side].rows, axes[other_side(side)].rows) for side in SIDES
    )
    commit_blocks(folder, "users", users)
    commit_blocks(folder, "items", items)
    return users, items


def _cut(
    spark: SparkSession, axes: Mapping[Side, Axis], block_entries: int
) -> dict[Side, list[int]]:
    """First positions of each side's blocks of about `block_entries` entries."""
    widths = {
        side: CHUNK_ROWS * max(1, -(-axes[side].rows // (CHUNK_ROWS * _CHUNKS))) for side in SIDES
    }
    pieces = [(side, file) for side in SIDES for file in axes[side].files]

    def weigh(piece: tuple[Side, str]) -> Iterator[pa.RecordBatch]:
        side, file = piece
        axis = axes[side]
        table = pq.read_table(file, columns=[axis.position, axis.size], partitioning=None)
        chunk = table[axis.position].to_numpy() // widths[side]
        sizes = np.bincount(chunk, weights=table[axis.size].to_numpy())
        used = np.flatnonzero(sizes)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([side] * len(used), pa.string()),
                pa.array(used.astype(np.int64)),
                pa.array(sizes[used].astype(np.int64)),
            ],
            names=["side", "chunk", "size"],
        )

    sizes: dict[Side, dict[int, int]] = {side: defaultdict(int) for side in SIDES}
    for side, chunk, size in run_tasks(
        spark, pieces, weigh, "side string, chunk long, size long"
    ).collect():
        sizes[side][chunk] += size
    return {side: _starts(sizes[side], widths[side], block_entries) for side in SIDES}


def _starts(sizes: Mapping[int, int], width: int, block_entries: int) -> list[int]:
    starts, filled = [0], 0
    for chunk in sorted(sizes):
        if filled and filled + sizes[chunk] > block_entries:
            starts.append(chunk * width)
            filled = 0
        filled += sizes[chunk]
    return starts


def _split(
    spark: SparkSession,
    interactions: Sequence[str],
    axes: Mapping[Side, Axis],
    starts: Mapping[Side, list[int]],
    folder: Path,
) -> dict[tuple[Side, int], list[str]]:
    """Write every file's entries as chunks by side and block; the chunks' folders by block."""
    target = str(folder)
    positions = {side: axes[side].position for side in SIDES}

    def split(file: str) -> Iterator[pa.RecordBatch]:
        # Here, in the task: numba takes a second to load, and the driver sorts nothing.
        from toplists.engine.kernels.radix_sort import order_by

        columns = [*positions.values(), "weight", "value", "rating_weight", "split"]
        table = pq.read_table(file, columns=columns, partitioning=None)
        held_out = pc.equal(table["split"], "holdout").fill_null(False).to_numpy()
        weights = table["weight"].to_numpy()
        ratings = table["rating_weight"].fill_null(0).to_numpy()
        values = np.where(ratings > 0, table["value"].to_numpy(), np.nan).astype(np.float32)
        unequal = bool(np.any((ratings > 0) & (ratings != 1)))
        written = []
        for side in SIDES:
            rows, others = (table[positions[name]].to_numpy() for name in (side, other_side(side)))
            block = np.searchsorted(starts[side], rows, side="right").astype(np.int32) - 1
            sizes = np.bincount(block, minlength=len(starts[side]))
            by_block = np.split(order_by(block), np.cumsum(sizes)[:-1])
            for index in np.flatnonzero(sizes).tolist():
                mine = by_block[index]
                chunk = {
                    "rows": rows[mine],
                    "columns": others[mine],
                    "weights": weights[mine],
                    "values": values[mine],
                    "holdout": held_out[mine],
                }
                if unequal:
                    chunk["rating_weights"] = ratings[mine]
                path = save_part(target, f"chunk-{side}-{index:05d}", chunk)
                written.append((side, index, path))
        if written:
            names, indices, paths = zip(*written, strict=True)
            yield pa.RecordBatch.from_arrays(
                [pa.array(names), pa.array(indices, pa.int32()), pa.array(paths)],
                names=["side", "block", "path"],
            )

    chunks: dict[tuple[Side, int], list[str]] = defaultdict(list)
    for side, block, path in run_tasks(
        spark, interactions, split, "side string, block int, path string"
    ).collect():
        chunks[side, block].append(path)
    return chunks


def _assemble(
    spark: SparkSession,
    axes: Mapping[Side, Axis],
    starts: Mapping[Side, list[int]],
    chunks: Mapping[tuple[Side, int], list[str]],
    folder: Path,
) -> dict[Side, list[BlockRef]]:
    """Put each block's chunks in order and write the block."""
    target = str(folder)

    def assemble(piece: tuple[Side, int, list[str]]) -> Iterator[pa.RecordBatch]:
        from toplists.engine.kernels.radix_sort import order_by

        side, index, paths = piece
        first = starts[side][index]
        ends = [*starts[side][1:], axes[side].rows]
        n_rows = ends[index] - first
        entries = {
            name: np.concatenate([open_array(chunk, name) for chunk in paths])
            for name in ("rows", "columns", "weights", "values", "holdout")
        }
        ratings = [find_array(chunk, "rating_weights") for chunk in paths]
        rows = entries["rows"] - np.int32(first)
        order = order_by(rows, order_by(entries["columns"]))
        lengths = np.bincount(rows, minlength=n_rows)
        ids, flags = _labels(axes[side], first, n_rows)
        block = {
            "indptr": np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
            "indices": entries["columns"][order],
            "weights": entries["weights"][order],
            "values": entries["values"][order],
            "holdout": entries["holdout"][order],
            "flags": flags,
        }
        if any(weights is not None for weights in ratings):
            block["rating_weights"] = _or_ones(ratings, paths)[order]
        path = save_part(target, f"{side}-{index:05d}", block)
        write_ids(path, ids)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([side], pa.string()),
                pa.array([index], pa.int32()),
                pa.array([first], pa.int32()),
                pa.array([n_rows], pa.int32()),
                pa.array([len(order)], pa.int64()),
                pa.array([path], pa.string()),
                pa.array([np.flatnonzero(lengths > LONG).tolist()], pa.list_(pa.int32())),
            ],
            names=["side", "index", "first", "rows", "entries", "path", "long_rows"],
        )

    pieces = [(side, index, sorted(paths)) for (side, index), paths in sorted(chunks.items())]
    refs: dict[Side, list[BlockRef]] = {side: [] for side in SIDES}
    schema = (
        "side string, index int, first int, rows int, entries long, path string, "
        "long_rows array<int>"
    )
    for row in run_tasks(spark, pieces, assemble, schema).collect():
        fields = row.asDict()
        refs[fields.pop("side")].append(BlockRef.of(fields))
    return {side: sorted(refs[side], key=lambda ref: ref.index) for side in SIDES}


def _or_ones(weights: Sequence[Array | None], chunks: Sequence[str]) -> Array:
    """Weights that a chunk leaves out because all are 1, and those of the others, one after the other."""
    parts = [
        np.ones(len(open_array(chunk, "values")), np.float32) if one is None else one
        for one, chunk in zip(weights, chunks, strict=True)
    ]
    return np.concatenate(parts)


def _labels(axis: Axis, first: int, n_rows: int) -> tuple[pa.StringArray, Array]:
    """The ids and flags of `n_rows` consecutive positions."""
    within = [(axis.position, ">=", first), (axis.position, "<", first + n_rows)]
    columns = [axis.position, axis.id, *([axis.flag] if axis.flag else [])]
    parts = [
        pq.read_table(file, columns=columns, filters=within, partitioning=None)
        for file in axis.files
    ]
    table = pa.concat_tables(parts).sort_by(axis.position).combine_chunks()
    flags = (
        table[axis.flag].to_numpy().astype(np.bool_)
        if axis.flag
        else np.ones(n_rows, dtype=np.bool_)
    )
    return table[axis.id].combine_chunks().cast(pa.string()), flags
