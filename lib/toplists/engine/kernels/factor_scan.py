"""The best items for many users from a product of vectors, in one exact pass.

Users and items are multiplied in tiles of one size, padded where needed, by the BLAS; a tile's scores
are masked, compared with what each user has so far, and forgotten, while they are in the cache. Items come
by descending norm: as x·y <= |x| |y|, a user whose k-th best score is above the bound of a tile is done
(the length bound of Teflioudi, Gemulla and Mykytiuk, "LEMP: fast retrieval of large entries in a matrix
product", 2015). A score does not depend on the tile it is computed in, so neither do the lists depend
on how users and items are cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg  # noqa: F401  (brings the BLAS that compiled products call)

from toplists.engine.kernels.candidates import (
    Candidates,
    ItemSets,
    Masks,
    Selection,
    as_masks,
    count_open,
    no_sets,
)
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.target_ranks import Judged, count_preceding, judge_targets
from toplists.engine.kernels.topk import (
    empty_heaps,
    lowest_equal,
    offer,
    round_score,
    sort_heaps,
)
from toplists.engine.kernels.vector_tiles import (
    TILE_ITEMS,
    TILE_USERS,
    Floats,
    Tiles,
    VectorTiles,
    norms_of,
)

_CHUNK = 4_096  # users whose vectors and lists stay in the cache from tile to tile
_GROUP = 64


class PlacesByTile(NamedTuple):
    """Places of items for each user of a chunk, in the order of the tiles.

    `places` int32[entries]; `begins` int64[users], where a user's places that were not reached yet begin,
    moves on with the tiles; `ends` int64[users].
    """

    places: npt.NDArray[np.int32]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def select_by_factors(
    users: Floats,
    items: VectorTiles,
    candidates: Candidates,
    k: int,
    *,
    rounded: bool = False,
    targets: ItemSets | None = None,
) -> Selection:
    """The k best candidates of each user by the product of vectors.

    Args:
        users: float32[users, rank]; a vector that is not finite gets nothing.
        items: The items that may be chosen.
        candidates: The masks of each user.
        k: Length of the lists, at least 1.
        rounded: Whether scores are rounded to `SCORE_DIGITS` digits before they are compared.
        targets: Items of each user whose score and rank are asked for.
    """
    users = frozen(np.ascontiguousarray(users))
    masks = as_masks(candidates)
    judged = judge_targets(users, items, candidates, targets or no_sets(len(users)), rounded)
    heaps = empty_heaps(len(users), k)
    norms = norms_of(users)
    for tiles in items:
        _scan(users, norms, tiles.frozen(), masks, judged, *heaps, rounded)
    sort_heaps(*heaps)
    found = np.isfinite(judged.scores)
    ranks = np.where(found, judged.preceding + 1, 0)
    scored = np.where(np.isfinite(norms), count_open(items.all_usable, candidates), 0)
    return Selection(*heaps, ranks, judged.scores, scored)


@compiled
def _scan(
    users: Floats,
    norms: npt.NDArray[np.float64],
    tiles: Tiles,
    masks: Masks,
    judged: Judged,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    rounded: bool,
) -> None:
    """Offer every tile to the heaps `items` and `scores`, and count what stands before the judged."""
    rank = users.shape[1]
    # The float32 product of two vectors differs from the exact one by less than rank * 2^-23 of the
    # product of their norms (Higham, "Accuracy and stability of numerical algorithms", 2002, 3.1), and
    # by what underflows.
    loosened, underflow = 1.0 + rank * 2.0**-23, rank * 2.0**-125
    gathered = np.zeros((TILE_USERS, rank), dtype=np.float32)
    product = np.empty((TILE_USERS, TILE_ITEMS), dtype=np.float32)
    for first in range(0, len(users), _CHUNK):
        size = min(_CHUNK, len(users) - first)
        hidden = _by_tile(masks.seen, first, size, tiles)
        shown = _by_tile(masks.allowed, first, size if masks.restricted else 0, tiles)
        edges, floors = _limits(scores, judged, first, size, rounded)
        active = np.flatnonzero(np.isfinite(norms[first : first + size]))
        for number in range(len(tiles.norms)):
            reach = tiles.norms[number] * loosened
            active = _within_reach(active, norms, first, reach, underflow, edges, floors)
            for start in range(0, len(active), TILE_USERS):
                rows = active[start : start + TILE_USERS]
                for row in range(len(rows)):
                    for feature in range(rank):
                        gathered[row, feature] = users[first + rows[row], feature]
                np.dot(gathered, tiles.vectors[number], product)
                if masks.restricted:
                    _keep_only(product, rows, shown, number)
                product[:, len(tiles.positions) - number * TILE_ITEMS :] = -np.inf
                _hide(product, rows, hidden, number)
                _offer_tile(product, rows, tiles, number, edges, items, scores, first, rounded)
                if len(judged.scores):
                    count_preceding(product, rows, tiles, number, judged, first, rounded)


@compiled
def _by_tile(sets: ItemSets, first: int, size: int, tiles: Tiles) -> PlacesByTile:
    """The places of the sets of `size` users from `first` on, ordered by tile (a counting sort)."""
    begin = sets.indptr[first]
    places = np.empty(sets.indptr[first + size] - begin, dtype=np.int32)
    begins = np.empty(size, dtype=np.int64)
    ends = np.empty(size, dtype=np.int64)
    slots = np.empty(len(tiles.norms) + 1, dtype=np.int64)
    for user in range(size):
        own = range(sets.indptr[first + user], sets.indptr[first + user + 1])
        slots[:] = 0
        for entry in own:
            place = tiles.places[sets.items[entry]]
            if place >= 0:
                slots[place // TILE_ITEMS + 1] += 1
        begins[user] = sets.indptr[first + user] - begin
        slots[0] = begins[user]
        for number in range(len(tiles.norms)):
            slots[number + 1] += slots[number]
        ends[user] = slots[-1]
        for entry in own:
            place = tiles.places[sets.items[entry]]
            if place >= 0:
                number = place // TILE_ITEMS
                places[slots[number]] = place
                slots[number] += 1
    return PlacesByTile(places, begins, ends)


@compiled
def _limits(
    scores: npt.NDArray[np.float64], judged: Judged, first: int, size: int, rounded: bool
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Below which score nothing enters a user's heap any more, and none of the judged is preceded."""
    edges = np.empty(size, dtype=np.float32)
    floors = np.full(size, np.inf)
    for user in range(size):
        edges[user] = lowest_equal(scores[first + user, 0], rounded)
        for entry in range(judged.sets.indptr[first + user], judged.sets.indptr[first + user + 1]):
            lowest = lowest_equal(judged.scores[entry], rounded)
            if lowest < floors[user]:
                floors[user] = lowest
    return edges, floors


@compiled
def _within_reach(
    active: npt.NDArray[np.int64],
    norms: npt.NDArray[np.float64],
    first: int,
    reach: float,
    underflow: float,
    edges: Floats,
    floors: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """The users for whom an item whose norm is at most `reach` may still matter."""
    left = np.empty(len(active), dtype=np.int64)
    count = 0
    for user in active:
        bound = norms[first + user] * reach + underflow
        if bound >= edges[user] or bound >= floors[user]:
            left[count] = user
            count += 1
    return left[:count]


@compiled
def _hide(product: Floats, rows: npt.NDArray[np.int64], hidden: PlacesByTile, number: int) -> None:
    """Mask what lies in this tile."""
    begin = number * TILE_ITEMS
    for row in range(len(rows)):
        user = rows[row]
        at = hidden.begins[user]
        while at < hidden.ends[user] and hidden.places[at] < begin + TILE_ITEMS:
            product[row, hidden.places[at] - begin] = -np.inf
            at += 1
        hidden.begins[user] = at


@compiled
def _keep_only(
    product: Floats, rows: npt.NDArray[np.int64], shown: PlacesByTile, number: int
) -> None:
    """Mask everything but what lies in this tile."""
    begin = number * TILE_ITEMS
    kept = np.empty(TILE_ITEMS, dtype=np.float32)
    for row in range(len(rows)):
        user = rows[row]
        start = at = shown.begins[user]
        while at < shown.ends[user] and shown.places[at] < begin + TILE_ITEMS:
            kept[at - start] = product[row, shown.places[at] - begin]
            at += 1
        product[row, :] = -np.inf
        for entry in range(start, at):
            product[row, shown.places[entry] - begin] = kept[entry - start]
        shown.begins[user] = at


@compiled
def _offer_tile(
    product: Floats,
    rows: npt.NDArray[np.int64],
    tiles: Tiles,
    number: int,
    edges: Floats,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    first: int,
    rounded: bool,
) -> None:
    """Offer a tile's scores to the heaps; only groups that hold a large one are looked through."""
    for row in range(len(rows)):
        user = rows[row]
        edge = edges[user]
        for group in range(TILE_ITEMS // _GROUP):
            large = np.int32(0)
            # Written so, the comparison of a group is vectorized.
            for column in range(_GROUP):
                large += np.int32(product[row, group * _GROUP + column] >= edge)
            if large == 0:
                continue
            for column in range(group * _GROUP, (group + 1) * _GROUP):
                score = product[row, column]
                if score >= edge and np.isfinite(score):
                    item = tiles.positions[number * TILE_ITEMS + column]
                    exact = float(score)
                    offer(
                        items,
                        scores,
                        first + user,
                        item,
                        round_score(exact) if rounded else exact,
                    )
                    edge = np.float32(lowest_equal(scores[first + user, 0], rounded))
        edges[user] = edge
