"""What users like, both ways, as kernels of the items' Gram matrix take it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from toplists.engine.blocks import BlockRef, BlockSet, Part
from toplists.engine.kernels.gram_rows import Likings
from toplists.engine.kernels.weight_sums import Sparse


def liked(ref: BlockRef, part: Part) -> Sparse:
    """What the rows of a block like, or are liked by."""
    return Sparse(*ref.open().learnt("liked", part)[:3])


@lru_cache(maxsize=2)
def open_likings(users: BlockSet, items: BlockSet, part: Part, damping: float) -> Likings:
    """All likings of a part, once per worker.

    In the Gram matrix a user with n likings counts `n ** -damping`: each is multiplied by the root of that.
    """
    lengths = np.concatenate([np.diff(liked(ref, part).indptr) for ref in users.blocks])
    roots = (np.maximum(lengths, 1).astype(np.float64) ** (-damping / 2)).astype(np.float32)

    def by_item(ref: BlockRef) -> Sparse:
        rows = liked(ref, part)
        return Sparse(rows.indptr, rows.columns, rows.values * roots[rows.columns])

    def by_user(ref: BlockRef) -> Sparse:
        rows = liked(ref, part)
        own = roots[ref.first : ref.first + ref.rows]
        return Sparse(rows.indptr, rows.columns, rows.values * np.repeat(own, np.diff(rows.indptr)))

    return Likings(
        items=Sparse.stacked([by_item(ref) for ref in items.blocks]),
        users=Sparse.stacked([by_user(ref) for ref in users.blocks]),
    )
