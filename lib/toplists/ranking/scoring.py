"""The one scoring pass: mask, score, select and fill, for the users of one block.

Everything happens before a row leaves the task: what was seen or may not be recommended is masked in
the scores, the best are selected under the total order (score descending, then item id), and lists
that stay short are filled from the fallback. The evaluation and the published lists both come from
here.
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
from toplists.engine.shapes import Shape
from toplists.ranking.fallback import Fallback, Filler

PERSONAL = "personal"
"""The source of what the model itself gave."""


@dataclass(frozen=True)
class ListTile:
    """Lists of consecutive users of a block.

    `rows` int64[users] their rows in the block; `items` int32[users, n] positions, best first, -1
    behind the end; `scores` float64[users, n]; `sources` int8[users, n], who gave the item: 0 the
    model, k the k-th ranking of the fallback.
    """

    rows: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    sources: npt.NDArray[np.int8]


def list_tiles(
    block: Block,
    model: Shape,
    fallback: Fallback,
    *,
    part: Part,
    n: int,
    wanted: npt.NDArray[np.bool_],
    listable: npt.NDArray[np.bool_],
) -> Iterator[ListTile]:
    """The top-n lists of the wanted users of a block.

    Args:
        block: The users, with everything they have seen.
        model: Who scores first.
        fallback: The rankings that fill lists which the model leaves short.
        part: `train`: only the training part was seen (evaluation); `all`: everything was.
        n: Length of the lists.
        wanted: bool[rows], who gets a list.
        listable: bool[n_items], what may be in one.
    """
    scorer = open_scorer(model, block, part)
    seen_indptr, seen_items = block.seen(part)
    hidden = np.flatnonzero(~listable)
    filler, segments = Filler(fallback, listable), fallback.segments.of(block.ref)
    for rows in tiles(block.ref.rows, TILE_ROWS):
        chosen = np.flatnonzero(wanted[rows])
        if not len(chosen):
            continue
        scores = scorer.scores(rows)
        scores[:, hidden] = -np.inf
        mask_rows(scores, seen_indptr[rows.start : rows.stop + 1], seen_items)
        items, values = top_k(scores[chosen], n)
        sources = np.zeros(items.shape, dtype=np.int8)
        for index in np.flatnonzero(items[:, -1] < 0):
            row = rows.start + chosen[index]
            filler.fill(
                items[index],
                values[index],
                sources[index],
                seen=seen_items[seen_indptr[row] : seen_indptr[row + 1]],
                segment=int(segments[row]),
            )
        yield ListTile(rows.start + chosen, items, values, sources)
