"""The judging pass: a contender's lists for held-out users, and where the held-out items stand.

A task per block of users makes the lists as they would be published, asks for score and exact rank of
every held-out item in the same pass, and writes a row per user. Everything that is ever said of a
contender is added up from these rows (`toplists.evaluation.aggregation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.dataset.sampling import Negatives, allowed_items
from toplists.engine.blocks import Block, BlockRef, BlockSet, HeldOut
from toplists.engine.kernels.candidates import Candidates, ItemSets, count_open
from toplists.engine.kernels.outcomes import Outcomes
from toplists.engine.shapes import Shape
from toplists.engine.tasks import Tasks
from toplists.evaluation.measuring import Measuring
from toplists.evaluation.outcome_rows import OUTCOME_ROWS, Users, to_rows
from toplists.ranking.fallback import Fallback
from toplists.ranking.scoring import ListTile, list_tiles


@dataclass(frozen=True)
class Judging:
    """How contenders are judged, all alike.

    What can no longer be recommended today may be in the lists, since held-out users could choose it
    then. What a user has seen in the training part may not.

    Attributes:
        users: User blocks; what they hold out is what is judged on.
        fallback: The rankings that fill short lists, fitted on the training part.
        depth: Length of the lists.
        tile_bytes: What bounds the memory of a task: see `list_tiles`.
        with_unknown: Whether users are judged who have nothing in the training part.
        negatives: What held-out items are ranked among, where that is not the whole catalogue.
    """

    users: BlockSet
    fallback: Fallback
    depth: int
    tile_bytes: int
    with_unknown: bool = False
    negatives: Negatives | None = None

    def judge(self, contender: Shape, measuring: Measuring) -> Tasks[BlockRef]:
        """The rows of a contender: `OUTCOME_ROWS`, a task per block.

        A user for whom it has no list has an empty one, and counts like any other.
        """

        def work(ref: BlockRef) -> Iterator[pa.RecordBatch]:
            block = ref.open()
            held_out = block.held_out()
            trained = np.diff(block.learnt("liked", "train").indptr)
            # Who has something held out and, unless unknown users are judged, likings to learn from.
            wanted = (np.diff(held_out.indptr) > 0) & (self.with_unknown | (trained > 0))
            if not wanted.any():
                return
            allowed = self._allowed(block, wanted)
            everything = np.ones(self.users.columns, dtype=np.bool_)
            candidates = count_open(everything, Candidates(ItemSets(*block.seen("train")), allowed))
            for tile in list_tiles(
                block,
                contender,
                self.fallback,
                part="train",
                n=self.depth,
                wanted=wanted,
                listable=everything,
                tile_bytes=self.tile_bytes,
                targets=ItemSets(held_out.indptr, held_out.items),
                allowed=allowed,
            ):
                outcomes = _outcomes(held_out, tile, candidates)
                users = Users(
                    block.ids.take(pa.array(tile.rows)),
                    (ref.first + tile.rows).astype(np.int32),
                    trained[tile.rows].astype(np.int32),
                )
                figures = measuring.of_each(measuring.measure(users, outcomes))
                yield to_rows(users, outcomes, figures)

        return Tasks(self.users.blocks, work, OUTCOME_ROWS)

    def _allowed(self, block: Block, wanted: npt.NDArray[np.bool_]) -> ItemSets | None:
        """The only items that each row of a block may be listed, where ranking is sampled."""
        if self.negatives is None:
            return None
        rows = np.flatnonzero(wanted)
        sets = allowed_items(self.negatives, block, rows, self.users.columns)
        lengths = np.zeros(block.ref.rows, dtype=np.int64)
        lengths[rows] = np.diff(sets.indptr)
        return ItemSets(np.concatenate(([0], np.cumsum(lengths))), sets.items)


def _outcomes(held_out: HeldOut, tile: ListTile, candidates: npt.NDArray[np.int64]) -> Outcomes:
    of_tile = np.zeros(len(held_out.indptr) - 1, dtype=np.bool_)
    of_tile[tile.rows] = True
    own = np.repeat(of_tile, np.diff(held_out.indptr))
    return Outcomes(
        lists=tile.items,
        indptr=tile.targets.indptr,
        items=tile.targets.items,
        liked=held_out.liked[own],
        values=held_out.values[own],
        scores=tile.judged.scores,
        ranks=tile.judged.ranks,
        candidates=candidates[tile.rows],
        scored=tile.judged.scored,
        personal=np.count_nonzero((tile.items >= 0) & (tile.sources == 0), axis=1),
    )
