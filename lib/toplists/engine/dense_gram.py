"""The whole Gram matrix of the items, for models that need every pair: rows as files, formed in tasks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockSet, Part, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.gram_rows import gram_rows
from toplists.engine.likings import open_likings
from toplists.engine.storage import Arrays, open_array

_PART_BYTES = 64 << 20
"""Of the rows in a part, which is what a task holds."""

FLOAT = 4


def write_gram(
    spark: SparkSession, users: BlockSet, items: BlockSet, part: Part, damping: float, folder: Path
) -> tuple[str, ...]:
    """Form the Gram matrix of all likings; of a user with n of them each counts `n ** -damping`.

    Returns:
        Parts of consecutive rows in order of position, each with `rows` float32[n, n_items].
    """
    n_items = items.rows
    pieces = list(tiles(n_items, max(1, _PART_BYTES // (FLOAT * n_items))))

    def form(piece: slice) -> Arrays:
        likings = open_likings(users, items, part, damping)
        wanted = np.arange(piece.start, piece.stop, dtype=np.int32)
        rows = np.zeros((len(wanted), n_items), dtype=np.float32)
        for some, tile in gram_rows(likings, wanted):
            rows[some] = tile.sums[:, :, 0]
            tile.sums[:] = 0.0
        return {"rows": rows}

    return write_parts(spark, pieces, form, folder, "gram")


def open_rows(part: str) -> npt.NDArray[np.float32]:
    """The rows of one part, mapped."""
    return open_array(part, "rows")


class GramRows:
    """The parts of a Gram matrix as one, mapped."""

    def __init__(self, parts: Sequence[str]) -> None:
        """Open the parts, in order of position."""
        self._parts = list(map(open_rows, parts))
        self._starts = np.cumsum([0, *map(len, self._parts)])

    def of(self, positions: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Some rows, ascending: float32[positions, n_items]."""
        bounds = np.searchsorted(positions, self._starts)
        return np.concatenate(
            [
                part[positions[begin:end] - start]
                for part, start, (begin, end) in zip(
                    self._parts, self._starts[:-1], pairwise(bounds), strict=True
                )
            ]
        )
