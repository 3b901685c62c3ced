"""A snapshot's interactions as blocks of compressed sparse rows, by user and by item.

A block holds the rows of consecutive positions. Blocks are cut so that each holds about the same
number of interactions, are built once per snapshot, and serve every fit, the scoring pass and the
evaluation: one flag per entry says whether it is held out, its weight whether it is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.engine.storage import (
    Array,
    attempt_folder,
    commit_manifest,
    open_array,
    read_manifest,
    save_arrays,
)
from toplists.engine.tasks import Batches, map_batches

Part = Literal["train", "all"]

_CHUNKS = 4096  # granularity of the cut: rows are weighed in at most this many groups


@dataclass(frozen=True)
class BlockRef:
    """Where one block lies: its first row's position, its size, its folder."""

    index: int
    first: int
    rows: int
    entries: int
    path: str

    def open(self) -> Block:
        """The block, its arrays memory-mapped."""
        return Block(self)


@dataclass(frozen=True)
class BlockSet:
    """All blocks of one side, in order of position. `columns` is the other side's size."""

    blocks: tuple[BlockRef, ...]
    rows: int
    columns: int

    def starts(self) -> list[int]:
        """The position of each block's first row."""
        return [block.first for block in self.blocks]


class Block:
    """An open block: `rows` rows of sorted column positions with weight and holdout flag.

    `indptr` int64[rows + 1], `indices` int32[entries], `weights` float32[entries],
    `holdout` bool[entries], `ids` string[rows], `flags` bool[rows] (for users: gets a list).
    """

    def __init__(self, ref: BlockRef) -> None:
        """Open the block at `ref`."""
        self.ref = ref
        self.indptr: npt.NDArray[np.int64] = open_array(ref.path, "indptr")
        self.indices: npt.NDArray[np.int32] = open_array(ref.path, "indices")
        self.weights: npt.NDArray[np.float32] = open_array(ref.path, "weights")
        self.holdout: npt.NDArray[np.bool_] = open_array(ref.path, "holdout")
        self.flags: npt.NDArray[np.bool_] = open_array(ref.path, "flags")

    @cached_property
    def ids(self) -> pa.StringArray:
        """External ids of the rows."""
        return read_ids(self.ref.path)

    def seen(self, part: Part) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """What each row's owner has seen in `part`: `(indptr, indices)`."""
        if part == "all":
            return self.indptr, self.indices
        return _select(self.indptr, self.indices, ~self.holdout)

    def trained(self, part: Part, columns: int) -> sp.csr_array:
        """The weights trained on in `part`, as a sparse matrix of shape (rows, columns)."""
        keep = self.weights > 0
        if part == "train":
            keep &= ~self.holdout
        indptr, indices = _select(self.indptr, self.indices, keep)
        shape = (self.ref.rows, columns)
        return sp.csr_array((self.weights[keep], indices, indptr), shape=shape)

    def truth(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The held-out likings of each row's owner: `(indptr, indices)`."""
        return _select(self.indptr, self.indices, self.holdout & (self.weights > 0))


def _select(
    indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
    return before[indptr], indices[keep]


def build_blocks(
    entries: DataFrame,
    rows: DataFrame,
    *,
    n_rows: int,
    n_columns: int,
    block_entries: int,
    folder: Path,
    side: Literal["users", "items"],
) -> BlockSet:
    """Build one side's blocks and commit their manifest; reuse them where they exist.

    Args:
        entries: `[row: int, column: int, weight: float, holdout: boolean]`, each pair once.
        rows: `[row: int, id: string, flag: boolean, size: long]`, one for every position; `size` is
            the number of its entries, at least 1.
        n_rows: Number of positions on this side.
        n_columns: Number of positions on the other side.
        block_entries: Entries per block, about.
        folder: The snapshot's folder for blocks.
        side: Which side the rows are.
    """
    known = open_blocks(folder, side)
    if known is not None:
        return known
    starts = _cut(rows, n_rows, block_entries)
    lists = entries.groupBy("row").agg(
        F.sort_array(F.collect_list(F.struct("column", "weight", "holdout"))).alias("entries")
    )
    block = F.expr(f"array_size(filter(array({', '.join(map(str, starts))}), s -> s <= row)) - 1")
    placed = (
        lists.join(rows.select("row", "id", "flag"), "row")
        .withColumn("block", block)
        .select(
            "block",
            "row",
            "id",
            "flag",
            F.col("entries.column").alias("columns"),
            F.col("entries.weight").alias("weights"),
            F.col("entries.holdout").alias("holdout"),
        )
        .repartitionById(len(starts), F.col("block"))
        .sortWithinPartitions("row")
    )
    target = str(folder)

    def write(batches: Batches) -> Batches:
        collected = list(batches)
        if any(batch.num_rows for batch in collected):
            yield _write_block(pa.Table.from_batches(collected), target, side)

    written = map_batches(
        placed, write, "index int, first int, rows int, entries long, path string"
    )
    refs = sorted(
        (BlockRef(**row.asDict()) for row in written.collect()), key=lambda ref: ref.index
    )
    commit_manifest(
        folder / f"{side}.json",
        {"rows": n_rows, "columns": n_columns, "blocks": [asdict(ref) for ref in refs]},
    )
    return BlockSet(tuple(refs), n_rows, n_columns)


def open_blocks(folder: Path, side: Literal["users", "items"]) -> BlockSet | None:
    """The committed blocks of one side, or `None`."""
    manifest = read_manifest(folder / f"{side}.json")
    if manifest is None:
        return None
    refs = tuple(BlockRef(**ref) for ref in manifest["blocks"])
    return BlockSet(refs, int(manifest["rows"]), int(manifest["columns"]))


def _cut(rows: DataFrame, n_rows: int, block_entries: int) -> list[int]:
    """First positions of blocks of about `block_entries` entries each."""
    width = max(1, -(-n_rows // _CHUNKS))
    chunks = rows.groupBy(F.floor(F.col("row") / width).alias("chunk")).agg(
        F.sum("size").alias("n")
    )
    starts, filled = [0], 0
    for chunk, size in sorted((int(c), int(n)) for c, n in chunks.collect()):
        if filled and filled + size > block_entries:
            starts.append(chunk * width)
            filled = 0
        filled += size
    return starts


def _write_block(table: pa.Table, folder: str, side: str) -> pa.RecordBatch:
    table = table.combine_chunks()
    index = int(table["block"][0].as_py())
    columns = table["columns"].combine_chunks()
    lengths = columns.value_lengths().to_numpy(zero_copy_only=False)
    indptr = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    path = attempt_folder(folder, f"{side}-{index:05d}")
    save_arrays(
        path,
        {
            "indptr": indptr,
            "indices": columns.flatten().to_numpy(),
            "weights": table["weights"].combine_chunks().flatten().to_numpy(),
            "holdout": _booleans(table["holdout"].combine_chunks().flatten()),
            "flags": _booleans(table["flag"].combine_chunks()),
        },
    )
    write_ids(path, table["id"].combine_chunks())
    first = int(table["row"][0].as_py())
    return pa.RecordBatch.from_arrays(
        [
            pa.array([index], pa.int32()),
            pa.array([first], pa.int32()),
            pa.array([table.num_rows], pa.int32()),
            pa.array([int(indptr[-1])], pa.int64()),
            pa.array([str(path)]),
        ],
        names=["index", "first", "rows", "entries", "path"],
    )


def _booleans(array: pa.BooleanArray) -> Array:
    flags: Array = array.to_numpy(zero_copy_only=False).astype(np.bool_)
    return flags


def write_ids(path: Path, ids: pa.StringArray) -> None:
    """Write the external ids of a block's rows."""
    with pa.ipc.new_file(path / "ids.arrow", pa.schema([("id", pa.string())])) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([ids.cast(pa.string())], names=["id"]))


def read_ids(path: str) -> pa.StringArray:
    """The external ids of a block's rows."""
    with pa.memory_map(f"{path}/ids.arrow") as source:
        return pa.ipc.open_file(source).get_batch(0).column(0)


def all_ids(blocks: Sequence[BlockRef]) -> pa.StringArray:
    """The external ids of a whole side, in order of position."""
    return pa.concat_arrays([read_ids(block.path) for block in blocks])


def tiles(rows: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
