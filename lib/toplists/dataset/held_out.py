"""Whether an earlier run's evaluation fit has learnt what a snapshot holds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from toplists.dataset.snapshot import SnapshotBlocks
from toplists.engine.blocks import BlockRef, Part, all_ids, read_ids
from toplists.engine.tasks import collect_tasks

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Piece:
    """A block of users, and the earlier blocks that any of them may be in."""

    block: BlockRef
    earlier: tuple[BlockRef, ...]


def holds_learnt(
    spark: SparkSession, now: SnapshotBlocks, earlier: SnapshotBlocks, part: Part = "train"
) -> bool:
    """Whether a liking that is held out now is among the pairs of the earlier train part.

    A pair is held out by its last event. One that was learnt from, and then happened again, or moved
    into the holdout because late events came in before it, is in both.

    Args:
        spark: The session.
        now: The blocks whose holdout is to be judged on.
        earlier: Those of the earlier run. Pairs are the same by their external ids.
        part: What the earlier run learnt from, if it was not the train part.
    """

    def look(piece: _Piece) -> bool:
        return any(_shares(piece.block, other, now, earlier, part) for other in piece.earlier)

    reach = _bounds(spark, (*now.users.blocks, *earlier.users.blocks))
    pieces = []
    for block in now.users.blocks:
        first, last = reach[block]
        overlapping = (
            other
            for other in earlier.users.blocks
            if reach[other][0] <= last and first <= reach[other][1]
        )
        pieces.append(_Piece(block, tuple(overlapping)))
    return any(collect_tasks(spark, pieces, look))


def _bounds(
    spark: SparkSession, blocks: Sequence[BlockRef]
) -> Mapping[BlockRef, tuple[bytes, bytes]]:
    """The first and the last id of each block, in which ids ascend bytewise."""

    def ends(block: BlockRef) -> tuple[bytes, bytes]:
        ids = read_ids(block.path)
        return ids[0].as_py().encode(), ids[len(ids) - 1].as_py().encode()

    return dict(zip(blocks, collect_tasks(spark, blocks, ends), strict=True))


def _shares(
    ref: BlockRef, other: BlockRef, now: SnapshotBlocks, earlier: SnapshotBlocks, part: Part
) -> bool:
    """Whether a block holds out what an earlier one has in a part."""
    block, before = ref.open(), other.open()
    users = _earlier_positions(block.ids, before.ids)
    items = _items_before(now, earlier)
    indptr, held_out = block.truth()
    user, item = np.repeat(users, np.diff(indptr)), items[held_out]
    there = (user >= 0) & (item >= 0)
    indptr, learnt = before.seen(part)
    owner = np.repeat(np.arange(other.rows), np.diff(indptr))
    columns = earlier.items.rows
    pairs, known = user[there] * columns + item[there], owner * columns + learnt
    # These ascend, as rows and columns do.
    at = np.searchsorted(known, pairs)
    within = at < len(known)
    return bool(np.any(known[at[within]] == pairs[within]))


@lru_cache(maxsize=1)
def _items_before(now: SnapshotBlocks, earlier: SnapshotBlocks) -> Positions:
    return _earlier_positions(all_ids(now.items.blocks), all_ids(earlier.items.blocks))


def _earlier_positions(ids: pa.StringArray, earlier: pa.StringArray) -> Positions:
    """Where each of the ids was: int64[ids], -1 where it was not."""
    found: Positions = pc.fill_null(pc.index_in(ids, earlier), -1).to_numpy().astype(np.int64)
    return found
