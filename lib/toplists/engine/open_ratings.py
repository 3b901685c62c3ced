"""What predicts ratings from neighbours, opened for the users of one block."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import Block
from toplists.engine.kernels.neighbour_ratings import Levels, Rule
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.shapes import (
    NEIGHBOURS,
    RATED,
    RatedNeighbours,
    as_sparse,
    open_rows,
    weights_by_history,
)
from toplists.engine.storage import bring_here, open_array, open_whole


class OpenRatings(NamedTuple):
    """Levels of the block's `users` and of all `items`, and what is weighed by what.

    By users `own` are the neighbours of the block's users, nearest first, and `others` all ratings; by items
    `own` are the ratings of the block's users, and `others` the similarities of items.
    """

    own: Sparse
    others: Sparse
    users: Levels
    items: Levels
    rule: Rule

    def of(self, rows: npt.NDArray[np.int64]) -> OpenRatings:
        """Some users of the block."""
        level, spread = self.users
        return self._replace(own=self.own.of(rows), users=Levels(level[rows], spread[rows]))


def open_ratings(shape: RatedNeighbours, block: Block) -> OpenRatings:
    """Open the neighbours, and the levels and ratings that they have."""
    part = shape.users[block.ref.index]
    if shape.by == "users":
        own = _nearest_first(open_rows(shape.neighbours[block.ref.index], NEIGHBOURS))
        others = _ratings(shape.users)
    else:
        own, others = open_rows(part, RATED), as_sparse(weights_by_history(shape.neighbours))
    return OpenRatings(
        own,
        others,
        Levels(open_array(part, "level"), open_array(part, "spread")),
        Levels(open_whole(shape.items, "level"), open_whole(shape.items, "spread")),
        Rule(shape.k, shape.min_k, shape.shift, shape.counted, shape.otherwise),
    )


@lru_cache(maxsize=2)
def _ratings(parts: tuple[str, ...]) -> Sparse:
    """The deviations of all users, opened once per worker."""
    bring_here(parts, *RATED)
    return Sparse.stacked([open_rows(part, RATED) for part in parts])


def _nearest_first(lists: Sparse) -> Sparse:
    """The lists with the highest |value| first; they have the highest value first."""
    if (lists.values > 0).all():
        return lists
    owners = np.repeat(np.arange(len(lists.indptr) - 1), np.diff(lists.indptr))
    order = np.lexsort((lists.columns, -np.abs(lists.values), owners))
    return Sparse(lists.indptr, lists.columns[order], lists.values[order])
