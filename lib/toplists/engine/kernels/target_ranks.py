"""Where given items stand among all candidates of their users, counted while tiles are scanned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import Candidates, ItemSets, frozen_sets, holds
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.topk import (
    highest_equal,
    lowest_equal,
    precedes,
    round_score,
)
from toplists.engine.kernels.vector_tiles import (
    TILE_ITEMS,
    TILE_USERS,
    Floats,
    Tiles,
    VectorTiles,
)

_LARGEST = np.finfo(np.float32).max


class Judged(NamedTuple):
    """Items whose rank is asked for: `sets` per user, `scores` float64 of each, NaN for no candidate.

    `preceding` int64, how many candidates stand before each.
    """

    sets: ItemSets
    scores: npt.NDArray[np.float64]
    preceding: npt.NDArray[np.int64]


def judge_targets(
    users: Floats, items: VectorTiles, candidates: Candidates, targets: ItemSets, rounded: bool
) -> Judged:
    """The targets with their scores, by the same products as the scan's; nothing counted yet."""
    indptr, wanted = targets = frozen_sets(targets)
    scores = np.full(len(wanted), np.nan)
    tile = np.zeros((TILE_USERS, users.shape[1]), dtype=np.float32)
    for first in range(0, len(users) if len(wanted) else 0, TILE_USERS):
        end = min(first + TILE_USERS, len(users))
        positions = items.usable(np.unique(wanted[indptr[first] : indptr[end]]))
        tile[: end - first] = users[first:end]
        tiles = items.of(positions).frozen()
        _score_pairs(tile, tiles, frozen(indptr[first : end + 1]), wanted, scores, rounded)
    owner = np.repeat(np.arange(len(users)), np.diff(indptr))
    masked = holds(candidates.seen, owner, wanted)
    if candidates.allowed is not None:
        masked |= ~holds(candidates.allowed, owner, wanted)
    scores[masked] = np.nan
    return Judged(targets, scores, np.zeros(len(wanted), dtype=np.int64))


@compiled
def _score_pairs(
    users: Floats,
    tiles: Tiles,
    indptr: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    rounded: bool,
) -> None:
    product = np.empty((TILE_USERS, TILE_ITEMS), dtype=np.float32)
    for number in range(len(tiles.vectors)):
        np.dot(users, tiles.vectors[number], product)
        for user in range(len(indptr) - 1):
            for entry in range(indptr[user], indptr[user + 1]):
                column = tiles.places[targets[entry]] - number * TILE_ITEMS
                if 0 <= column < TILE_ITEMS:
                    score = float(product[user, column])
                    if np.isfinite(score):
                        scores[entry] = round_score(score) if rounded else score


@compiled
def count_preceding(
    product: Floats,
    rows: npt.NDArray[np.int64],
    tiles: Tiles,
    number: int,
    judged: Judged,
    first: int,
    rounded: bool,
) -> None:
    """Count what stands before each of the judged in a tile."""
    for row in range(len(rows)):
        user = first + rows[row]
        own = range(judged.sets.indptr[user], judged.sets.indptr[user + 1])
        if len(own) == 0:
            continue
        for column in range(TILE_ITEMS):
            score = product[row, column]
            product[row, column] = -np.inf if score > _LARGEST else score
        for entry in own:
            target = judged.scores[entry]
            if not np.isfinite(target):
                continue
            low = np.float32(lowest_equal(target, rounded))
            high = np.float32(highest_equal(target, rounded))
            above, not_below = np.int32(0), np.int32(0)
            for column in range(TILE_ITEMS):
                above += np.int32(product[row, column] > high)
                not_below += np.int32(product[row, column] >= low)
            judged.preceding[entry] += above
            if not_below == above:
                continue
            for column in range(TILE_ITEMS):
                score = product[row, column]
                if low <= score <= high:
                    exact = float(score)
                    judged.preceding[entry] += precedes(
                        round_score(exact) if rounded else exact,
                        tiles.positions[number * TILE_ITEMS + column],
                        target,
                        judged.sets.items[entry],
                    )
