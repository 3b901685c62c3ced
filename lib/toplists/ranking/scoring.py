"""The one scoring pass: mask, score, select and fill, for the users of one block.

Everything happens before a row leaves the task: seen items are masked in the scores, the best are
selected under the total order (score descending, then item id), and lists that stay short are filled
from the fallback. The evaluation and the published lists both come from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import Block, Part, tiles
from toplists.engine.kernels.products import TILE_ROWS
from toplists.engine.kernels.topk import mask_rows, top_k
from toplists.engine.scorers import open_scorer
from toplists.engine.shapes import Ranking, Shape, ranking_scores

# Where an item of a list comes from.
PERSONAL = "personal"
POPULARITY = "popularity"


@dataclass(frozen=True)
class ListTile:
    """Lists of consecutive users of a block.

    `rows` int64[users] their rows in the block; `items` int32[users, n] positions, best first, -1
    behind the end; `scores` float64[users, n]; `personal` int64[users], how many of the items, from
    the front, the model itself gave (the rest comes from popularity).
    """

    rows: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    personal: npt.NDArray[np.int64]


def list_tiles(
    block: Block,
    model: Shape,
    fallback: Ranking,
    *,
    part: Part,
    n: int,
    wanted: npt.NDArray[np.bool_],
) -> Iterator[ListTile]:
    """The top-n lists of the wanted users of a block.

    Args:
        block: The users, with everything they have seen.
        model: Who scores first.
        fallback: A ranking that fills lists which the model leaves short.
        part: `train`: only the training part was seen (evaluation); `all`: everything was.
        n: Length of the lists.
        wanted: bool[rows], who gets a list.
    """
    scorer = open_scorer(model, block, part)
    seen_indptr, seen_items = block.seen(part)
    popular = _Popular(fallback)
    for rows in tiles(block.ref.rows, TILE_ROWS):
        chosen = np.flatnonzero(wanted[rows])
        if not len(chosen):
            continue
        scores = scorer.scores(rows)
        mask_rows(scores, seen_indptr[rows.start : rows.stop + 1], seen_items)
        items, values = top_k(scores[chosen], n)
        personal = np.count_nonzero(items >= 0, axis=1)
        for index in np.flatnonzero(personal < n):
            row = rows.start + chosen[index]
            seen = seen_items[seen_indptr[row] : seen_indptr[row + 1]]
            popular.fill(items[index], values[index], int(personal[index]), seen)
        yield ListTile(rows.start + chosen, items, values, personal.astype(np.int64))


class _Popular:
    """The fallback ranking in order, to fill short lists from."""

    def __init__(self, fallback: Ranking) -> None:
        self._order, self._scores = popularity_order(fallback)

    def fill(
        self,
        items: npt.NDArray[np.int32],
        scores: npt.NDArray[np.float64],
        have: int,
        seen: npt.NDArray[np.int32],
    ) -> None:
        """Append to the `have` items of one list, in place, what is neither in it nor seen."""
        # No more of the front than this can be excluded, so there is enough or nothing behind it.
        front = slice(0, len(items) + len(seen) + have)
        candidates = self._order[front]
        free = ~np.isin(candidates, seen) & ~np.isin(candidates, items[:have])
        room = len(items) - have
        added = candidates[free][:room]
        items[have : have + len(added)] = added
        scores[have : have + len(added)] = self._scores[front][free][:room]


def popularity_order(
    ranking: Ranking,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The items of a ranking, best first, and their scores; ties by item id."""
    scores = ranking_scores(ranking)
    # Stable: positions are in the order of the ids.
    order = np.argsort(-scores, kind="stable").astype(np.int32)
    listed: npt.NDArray[np.int32] = order[np.isfinite(scores[order])]
    return listed, scores[listed].astype(np.float64)
