"""The one scoring pass: mask, score, select and fill, for the users of one block.

Everything happens before a row leaves the task: the best of what was not seen and may be recommended are
selected under the total order (score descending, then item id), and lists that stay short are filled
from the fallback. The evaluation and the published lists both come from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import Block, Part, tiles
from toplists.engine.kernels.candidates import Candidates, ItemSets, no_sets
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import Shape
from toplists.ranking.fallback import Fallback, Filler

PERSONAL = "personal"
"""The source of what a model found for this very user."""

# What a list takes while it is made and turned into rows: per entry a position, a score, a source and
# the texts of both; per user an id and a vector.
_BYTES_PER_ENTRY = 64
_BYTES_PER_USER = 1_024


@dataclass(frozen=True)
class ListTile:
    """Lists of consecutive users of a block.

    `rows` int64[users] their rows in the block; `items` int32[users, n] positions, best first, -1
    behind the end; `scores` float64[users, n]; `sources` int8[users, n], who gave the item: 0 the
    model, k the k-th ranking of the fallback. `targets` are the items of these users that were asked for,
    and `judged` what the model alone says of them.
    """

    rows: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]
    sources: npt.NDArray[np.int8]
    targets: ItemSets
    judged: Judged


class Judged(NamedTuple):
    """Where targets stand among everything that the model has a score of.

    `ranks` int64[targets], from 1, 0 where the model has no score; `scores` float64[targets], NaN there;
    `scored` int64[users], how many items the model has a score of.
    """

    ranks: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    scored: npt.NDArray[np.int64]


def list_tiles(
    block: Block,
    model: Shape,
    fallback: Fallback,
    *,
    part: Part,
    n: int,
    wanted: npt.NDArray[np.bool_],
    listable: npt.NDArray[np.bool_],
    tile_bytes: int,
    targets: ItemSets | None = None,
    allowed: ItemSets | None = None,
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
        tile_bytes: Memory for the item vectors, and as much again for the lists, that a task holds at
            a time.
        targets: Items of each row of the block whose score and rank are asked for.
        allowed: Of each row of the block, the only items that its list may have.
    """
    selector = open_selector(model, block, part, listable, tile_bytes)
    seen = ItemSets(*block.seen(part))
    filler, segments = Filler(fallback, listable), fallback.segments.of(block.ref)
    targets = no_sets(block.ref.rows) if targets is None else targets
    owners = np.flatnonzero(wanted)
    for batch in tiles(len(owners), users_at_once(n, tile_bytes)):
        rows = owners[batch]
        seen_of_rows, targets_of_rows = seen.of(rows), targets.of(rows)
        candidates = Candidates(seen_of_rows, None if allowed is None else allowed.of(rows))
        items, scores, ranks, target_scores, scored = selector.select(
            rows, candidates, n, targets_of_rows
        )
        sources = np.zeros(items.shape, dtype=np.int8)
        for index in np.flatnonzero(items[:, -1] < 0):
            filler.fill(
                items[index],
                scores[index],
                sources[index],
                seen=seen_of_rows.row(int(index)),
                segment=int(segments[rows[index]]),
                allowed=None if allowed is None else allowed.row(int(rows[index])),
            )
        judged = Judged(ranks, target_scores, scored)
        yield ListTile(rows, items, scores, sources, targets_of_rows, judged)


def users_at_once(n: int, tile_bytes: int) -> int:
    """How many lists of n items are made at a time within `tile_bytes`."""
    return max(1, tile_bytes // (n * _BYTES_PER_ENTRY + _BYTES_PER_USER))
