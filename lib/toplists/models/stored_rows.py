"""Stored rows of a model, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toplists.engine.blocks import BlockRef
from toplists.engine.lists import lists_of
from toplists.engine.storage import open_array

ROWS_PER_BATCH = 8_192
"""Of the rows that a task writes."""


def rows_of_block(
    files: Sequence[str], ref: BlockRef, where: pc.Expression | None = None
) -> Iterator[tuple[npt.NDArray[np.int64], pa.Table]]:
    """File by file, the stored rows whose ids are in a block, and where in it they stand.

    Ids ascend with positions, so that only row groups of the block's range of ids are decoded.

    Args:
        files: Those of the model.
        ref: The block.
        where: What else holds of the rows; `None` = nothing.
    """
    ids = ref.open().ids
    within = (pc.field("id") >= ids[0]) & (pc.field("id") <= ids[-1])
    for file in files:
        filters = within if where is None else within & where
        table = pq.read_table(file, filters=filters, partitioning=None).combine_chunks()
        rows = pc.index_in(table["id"], ids)
        yield rows.drop_null().to_numpy().astype(np.int64), table.filter(rows.is_valid())


def values_of(lists: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """All numbers of a column of lists, one list after the other."""
    values: npt.NDArray[np.float32] = lists.combine_chunks().flatten().to_numpy()
    return values


def lists_of_part(
    part: str, arrays: tuple[str, str, str], tile: slice, ids: pa.StringArray
) -> tuple[pa.ListArray, pa.ListArray]:
    """Lists of some rows of a part as columns: ids, and numbers.

    Args:
        part: Where the arrays lie.
        arrays: Where lists begin and end, the positions in them, and their numbers.
        tile: The rows.
        ids: By position.
    """
    indptr, positions, numbers = (open_array(part, name) for name in arrays)
    lengths = np.diff(indptr[tile.start : tile.stop + 1])
    entries = slice(indptr[tile.start], indptr[tile.stop])
    return (
        lists_of(lengths, ids.take(pa.array(positions[entries]))),
        lists_of(lengths, pa.array(numbers[entries])),
    )


def no_lists(tile: slice) -> tuple[pa.ListArray, pa.ListArray]:
    """The same of rows that have none."""
    none = np.zeros(tile.stop - tile.start, dtype=np.int64)
    return lists_of(none, pa.array([], pa.string())), lists_of(none, pa.array([], pa.float32()))


def lists_of_block(
    files: Sequence[str],
    ref: BlockRef,
    columns: tuple[str, str],
    ids: pa.StringArray,
    where: pc.Expression | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Stored lists of a block's rows as arrays of its part: `indptr`, and both `columns` by their names.

    Args:
        files: Those of the model.
        ref: The block.
        columns: A column of lists of ids, and one of as many numbers.
        ids: Whose positions are meant; ids that are not among them are left out.
        where: What else holds of the rows; `None` = nothing.
    """
    owners, positions = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    numbers = [np.empty(0, np.float32)]
    for rows, table in rows_of_block(files, ref, where):
        found = pc.index_in(table[columns[0]].combine_chunks().flatten(), ids)
        known = found.is_valid().to_numpy(zero_copy_only=False)
        lengths = pc.list_value_length(table[columns[0]]).to_numpy()
        owners.append(np.repeat(rows, lengths)[known])
        positions.append(found.drop_null().to_numpy())
        numbers.append(values_of(table[columns[1]])[known])
    owner = np.concatenate(owners)
    # Stable: the order within a row is kept.
    order = np.argsort(owner, kind="stable")
    lengths = np.bincount(owner, minlength=ref.rows)
    return {
        "indptr": np.concatenate(([0], np.cumsum(lengths))),
        columns[0]: np.concatenate(positions)[order],
        columns[1]: np.concatenate(numbers)[order],
    }
