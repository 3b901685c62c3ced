"""What a held-out item is ranked among where a protocol does not rank the whole catalogue.

Figures of sampled rankings differ from those of full ones, and may put models in another order (Krichene
and Rendle, "On sampled metrics for item recommendation", KDD 2020). They exist to compare with what others
published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.protocol_names import Drawn
from toplists.dataset.partings import HOLDOUT
from toplists.engine.blocks import Block
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.draws import derive_seed, hash_ids
from toplists.engine.kernels.negatives import draw_negatives
from toplists.errors import InputRefusedError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PlacedNegatives:
    """Given items by position: Parquet files of `[user_pos: int, item_pos: int]`, a pair once."""

    files: tuple[str, ...]


Negatives: TypeAlias = Drawn | PlacedNegatives


def place_negatives(
    pairs: DataFrame, users: DataFrame, items: DataFrame, rows: DataFrame
) -> DataFrame:
    """Bring given items to the positions of a snapshot.

    Args:
        pairs: `[user_id: string, item_id: string]`.
        users: `[user_id: string, user_pos: int, …]`, all of the snapshot.
        items: `[item_id: string, item_pos: int, …]`, the same.
        rows: `[user_pos: int, weight: float, split: string, …]` of the fold.

    Returns:
        `[user_pos: int, item_pos: int]` of the users who are judged.

    Raises:
        InputRefusedError: a user who is judged has none, or one of them is no item of the snapshot.
    """
    judged = rows.where((F.col("split") == HOLDOUT) & (F.col("weight") > 0))
    placed = (
        users.select("user_id", "user_pos")
        .join(judged.select("user_pos").distinct(), "user_pos")
        .join(pairs, "user_id", "left")
        .join(items.select("item_id", "item_pos"), "item_id", "left")
    )
    nothing, no_item = F.col("item_id").isNull(), F.col("item_pos").isNull()
    row = placed.agg(F.count_if(nothing), F.count_if(~nothing & no_item)).first()
    without, unknown = (0, 0) if row is None else row
    if without or unknown:
        raise InputRefusedError(
            f"The given items to rank among do not fit: {without:,} users who are judged have none, and "
            f"{unknown:,} of them are no items of the run. Give files that were made from the same data."
        )
    return placed.select("user_pos", "item_pos")


def allowed_items(negatives: Negatives, block: Block, rows: Rows, n_items: int) -> ItemSets:
    """What some users of a block may be given: their held-out items, and what these are ranked among.

    Drawn are items that are in no row of the user in the fold, each equally likely, by the user's id.

    Args:
        negatives: Given or drawn ones.
        block: The users, among the blocks of the fold.
        rows: int64[users], their rows in the block, ascending.
        n_items: All items of the snapshot.

    Returns:
        A row per user of `rows`, as `Candidates.allowed` takes them.
    """
    judged = block.held_out()
    held_out = ItemSets(judged.indptr, judged.items).of(rows)
    if isinstance(negatives, Drawn):
        ids = block.ids.take(pa.array(rows)).to_pylist()
        others = draw_negatives(
            hash_ids(ids),
            ItemSets(*block.seen("all")).of(rows),
            n_items,
            negatives.count,
            derive_seed(negatives.seed, "negatives"),
        )
    else:
        others = _given(negatives, block.ref.first + rows)
    return _union(held_out, others, n_items)


def _given(negatives: PlacedNegatives, positions: Rows) -> ItemSets:
    """The given items of users at ascending positions."""
    within = [("user_pos", ">=", positions[0]), ("user_pos", "<=", positions[-1])]
    tables = [pq.read_table(file, filters=within, partitioning=None) for file in negatives.files]
    user, item = (
        np.concatenate([table[name].to_numpy() for table in tables])
        for name in ("user_pos", "item_pos")
    )
    row = np.minimum(np.searchsorted(positions, user), len(positions) - 1)
    own = positions[row] == user
    order = np.lexsort((item[own], row[own]))
    lengths = np.bincount(row[own], minlength=len(positions))
    return ItemSets(_starts(lengths), item[own][order].astype(np.int32))


def _union(left: ItemSets, right: ItemSets, n_items: int) -> ItemSets:
    """For each row what is in either."""
    rows = len(left.indptr) - 1
    keys = [
        np.repeat(np.arange(rows), np.diff(sets.indptr)) * n_items + sets.items
        for sets in (left, right)
    ]
    both = np.unique(np.concatenate(keys))
    lengths = np.bincount(both // n_items, minlength=rows)
    return ItemSets(_starts(lengths), (both % n_items).astype(np.int32))


def _starts(lengths: Rows) -> Rows:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
