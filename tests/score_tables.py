"""Models that give every pair of user and item the score that is written down."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from toplists.engine.shapes import Factors
from toplists.engine.storage import save_part


def write_scores(
    folder: Path, scores: np.ndarray, cuts: tuple[Sequence[int], Sequence[int]] = ((), ())
) -> Factors:
    """The scores as vectors of users times unit vectors of items.

    Args:
        folder: Where to write.
        scores: float[users, items], exact in 32 bits; a user with a NaN is unknown.
        cuts: First rows of all parts but the first, by user and by item, as of `write_blocks`.
    """
    known = ~np.isnan(scores).any(axis=1)
    n_items = scores.shape[1]
    sides = (
        (np.nan_to_num(scores).astype(np.float32), known),
        (np.eye(n_items, dtype=np.float32), np.ones(n_items, dtype=np.bool_)),
    )
    users, items = (
        tuple(
            save_part(
                str(folder), f"part-{first}", {"vectors": rows[first:end], "known": of[first:end]}
            )
            for first, end in pairwise((0, *own, len(rows)))
        )
        for (rows, of), own in zip(sides, cuts, strict=True)
    )
    return Factors(users, items)
