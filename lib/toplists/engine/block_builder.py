"""Building a snapshot's blocks from its Parquet files, in Python tasks from end to end.

Nothing crosses from the JVM: a task per file reads the columns it needs and writes them by block, once
for each side; then a task per block takes its share of every file and puts it in order. Of few
interactions all of it is one task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
    id_arrays,
    open_blocks,
    other_side,
)
from toplists.engine.kernels.equations import LONG
from toplists.engine.kernels.ordered_sums import CHUNK_ROWS
from toplists.engine.storage import (
    Array,
    Arrays,
    bring_here,
    find_array,
    open_array,
    remove_parts,
    save_part,
)
from toplists.engine.tasks import Collect, collect_tasks, in_one_task
from toplists.engine.times import NO_SECOND, join_times, pack_times, times_of
from toplists.lake.failpoints import written

_CHUNKS = 4096  # granularity of the cut: rows are weighed in about this many groups
_LEAST_ENTRIES = 100_000  # smaller blocks cost more as tasks of their own than they gain

_TIME = "event_time"
_USUAL = {"rating_weights": np.float32(1), "times": NO_SECOND}
"""What files and blocks leave out where it is all alike."""


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
    single_task_entries: int,
    folder: Path,
) -> tuple[BlockSet, BlockSet]:
    """The blocks of both sides, users first; built and committed unless they are there.

    Args:
        spark: The session.
        interactions: Parquet files of `[<position of users>: int, <position of items>: int,
            weight: float, value: double, rating_weight: float, split: string]`, each pair once; with
            `event_time: timestamp`, if there are times.
        axes: Both sides.
        block_entries: Most entries of a block, about: blocks are cut by work, not by rows, into as many for
            each core, as far as they are worth a task.
        single_task_entries: Of at most so many interactions all is one task.
        folder: The snapshot's folder for blocks; every executor sees it.
    """
    known = [open_blocks(folder, side) for side in SIDES]
    if known[0] is not None and known[1] is not None:
        return known[0], known[1]
    cores = spark.sparkContext.defaultParallelism
    build = partial(_build, interactions, axes, block_entries, cores, folder)
    refs, chunks = (
        in_one_task(spark, build)
        if _are_few(interactions, single_task_entries)
        else build(partial(collect_tasks, spark))
    )
    users, items = (
        BlockSet(tuple(refs[side]), axes[side].rows, axes[other_side(side)].rows) for side in SIDES
    )
    commit_blocks(folder, "users", users)
    commit_blocks(folder, "items", items)
    with written("removal of what blocks were made of"):
        remove_parts(chunks)
    return users, items


def _are_few(interactions: Sequence[str], most: int) -> bool:
    """Whether files have at most so many rows; of many, no more are looked at than it takes to know."""
    rows = 0
    for file in interactions:
        rows += pq.read_metadata(file).num_rows
        if rows > most:
            return False
    return True


def _build(
    interactions: Sequence[str],
    axes: Mapping[Side, Axis],
    block_entries: int,
    cores: int,
    folder: Path,
    collect: Collect,
) -> tuple[dict[Side, list[BlockRef]], list[str]]:
    """The blocks of both sides, and the parts that they were made of."""
    starts = _cut(collect, axes, block_entries, cores)
    chunks = _split(collect, interactions, axes, starts, folder)
    refs = _assemble(collect, axes, starts, chunks, folder)
    return refs, [*chunks["users"], *chunks["items"]]


def _cut(
    collect: Collect, axes: Mapping[Side, Axis], block_entries: int, cores: int
) -> dict[Side, list[int]]:
    """First positions of each side's blocks of about `block_entries` entries."""
    widths = {
        # Powers of two: sums over blocks that begin at such chunks are few (`ordered_sums`).
        side: CHUNK_ROWS << (axes[side].rows // (CHUNK_ROWS * _CHUNKS)).bit_length()
        for side in SIDES
    }
    pieces = [(side, file) for side in SIDES for file in axes[side].files]

    def weigh(piece: tuple[Side, str]) -> dict[int, int]:
        side, file = piece
        axis = axes[side]
        table = pq.read_table(file, columns=[axis.position, axis.size], partitioning=None)
        chunk = table[axis.position].to_numpy() // widths[side]
        sizes = np.bincount(chunk, weights=table[axis.size].to_numpy())
        used = np.flatnonzero(sizes)
        return dict(zip(used.tolist(), sizes[used].astype(np.int64).tolist(), strict=True))

    sizes: dict[Side, dict[int, int]] = {side: defaultdict(int) for side in SIDES}
    for (side, _), weighed in zip(pieces, collect(pieces, weigh), strict=True):
        for chunk, size in weighed.items():
            sizes[side][chunk] += size
    count = _count(sum(sizes["users"].values()), block_entries, cores)
    return {side: _starts(sizes[side], widths[side], count) for side in SIDES}


def _count(total: int, block_entries: int, cores: int) -> int:
    """How many blocks there are to be: as many for each core, so that none waits for the others."""
    least = ceil(total / block_entries)
    worth = total // _LEAST_ENTRIES
    return max(1, least, min(cores * ceil(least / cores), worth))


def _starts(sizes: Mapping[int, int], width: int, count: int) -> list[int]:
    """Cuts into at most `count` equal shares; a chunk goes where its middle falls."""
    share = sum(sizes.values()) / count
    starts, before = [0], 0
    for chunk in sorted(sizes):
        if before and before + sizes[chunk] / 2 > share * len(starts):
            starts.append(chunk * width)
        before += sizes[chunk]
    return starts


def _split(
    collect: Collect,
    interactions: Sequence[str],
    axes: Mapping[Side, Axis],
    starts: Mapping[Side, list[int]],
    folder: Path,
) -> dict[Side, list[str]]:
    """Write every file's entries once for each side, in order of block; where they lie."""
    target = str(folder)
    positions = {side: axes[side].position for side in SIDES}

    def split(file: str) -> dict[Side, str]:
        entries = _read(file, positions)
        return {
            side: save_part(target, f"chunks-{side}", _by_block(entries, side, starts[side]))
            for side in SIDES
        }

    parts = collect(interactions, split)
    return {side: [part[side] for part in parts] for side in SIDES}


def _read(file: str, positions: Mapping[Side, str]) -> dict[str, Array]:
    """The entries of one file: the position on each side, and what blocks keep of a pair."""
    columns = [*positions.values(), "weight", "value", "rating_weight", "split"]
    if _TIME in pq.read_schema(file).names:
        columns.append(_TIME)
    table = pq.read_table(
        file, columns=columns, partitioning=None, coerce_int96_timestamp_unit="us"
    )
    ratings = table["rating_weight"].fill_null(0).to_numpy()
    values = np.where(ratings > 0, table["value"].to_numpy(), np.nan)
    entries: dict[str, Array] = {
        **{str(side): table[position].to_numpy() for side, position in positions.items()},
        "weights": table["weight"].to_numpy(),
        "values": values.astype(np.float32),
        "holdout": pc.equal(table["split"], "holdout").fill_null(False).to_numpy(),
    }
    if np.any((ratings > 0) & (ratings != 1)):
        entries["rating_weights"] = ratings
    if _TIME in columns and table[_TIME].null_count < table.num_rows:
        entries["times"] = pack_times(times_of(table[_TIME]))
    return entries


def _by_block(entries: Mapping[str, Array], side: Side, starts: Sequence[int]) -> Arrays:
    """The entries in order of block, with `offsets` int64[blocks + 1] of where each block begins."""
    # Here, in the task: numba takes a second to load, and the driver sorts nothing.
    from toplists.engine.kernels.radix_sort import order_by

    block = np.searchsorted(starts, entries[side], side="right").astype(np.int32) - np.int32(1)
    order = order_by(block)
    ends = np.cumsum(np.bincount(block, minlength=len(starts)))
    names: dict[str, str] = {side: "rows", other_side(side): "columns"}
    ordered = {names.get(name, name): values[order] for name, values in entries.items()}
    return {**ordered, "offsets": np.concatenate(([0], ends))}


def _assemble(
    collect: Collect,
    axes: Mapping[Side, Axis],
    starts: Mapping[Side, list[int]],
    chunks: Mapping[Side, Sequence[str]],
    folder: Path,
) -> dict[Side, list[BlockRef]]:
    """Put each block's entries in order and write the block."""
    target = str(folder)

    def assemble(piece: tuple[Side, int]) -> BlockRef:
        side, index = piece
        first, end = (*starts[side], axes[side].rows)[index : index + 2]
        lengths, block = _in_order(_gather(chunks[side], index), first, end - first)
        ids, flags = _labels(axes[side], first, end - first)
        arrays = {**block, "flags": flags, **id_arrays(ids)}
        path = save_part(target, f"{side}-{index:05d}", arrays)
        long_rows = tuple(np.flatnonzero(lengths > LONG).tolist())
        return BlockRef(index, first, end - first, int(lengths.sum()), path, long_rows)

    pieces = [(side, index) for side in SIDES if chunks[side] for index in range(len(starts[side]))]
    refs: dict[Side, list[BlockRef]] = {side: [] for side in SIDES}
    for (side, _), ref in zip(pieces, collect(pieces, assemble), strict=True):
        refs[side].append(ref)
    return refs


def _gather(chunks: Sequence[str], block: int) -> dict[str, Array]:
    """The entries of one block, from all files."""
    parts: dict[str, list[Array]] = defaultdict(list)
    names = ("rows", "columns", "weights", "values", "holdout")
    bring_here(chunks, "offsets", *names)
    for chunk in chunks:
        offsets = open_array(chunk, "offsets")
        own = slice(offsets[block], offsets[block + 1])
        for name in names:
            # Copied: a process may map but so many files at a time.
            parts[name].append(np.array(open_array(chunk, name)[own]))
        for name, usual in _USUAL.items():
            stored = find_array(chunk, name)
            alike = np.full(own.stop - own.start, usual)
            parts[name].append(alike if stored is None else np.array(stored[own]))
    entries: dict[str, Array] = {
        name: join_times(values) if name == "times" else np.concatenate(values)
        for name, values in parts.items()
    }
    return {
        name: values
        for name, values in entries.items()
        if name not in _USUAL or np.any(values != _USUAL[name])
    }


def _in_order(
    entries: dict[str, Array], first: int, n_rows: int
) -> tuple[npt.NDArray[np.int64], dict[str, Array]]:
    """The lengths of a block's rows, and its arrays by row and column."""
    from toplists.engine.kernels.radix_sort import order_by

    rows = entries.pop("rows") - np.int32(first)
    order = order_by(rows, order_by(entries["columns"]))
    lengths = np.bincount(rows, minlength=n_rows)
    block = {name: values[order] for name, values in entries.items()}
    block["indices"] = block.pop("columns")
    block["indptr"] = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    return lengths, block


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
