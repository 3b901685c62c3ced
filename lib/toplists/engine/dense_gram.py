"""The whole Gram matrix of the items that are liked, for models that need every pair: rows as files, formed in tasks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, Part, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.half import remove_rests
from toplists.engine.kernels.gram_rows import Positions, gram_rows
from toplists.engine.likings import open_likings
from toplists.engine.storage import Arrays, bring_here, open_array

_PART_BYTES = 64 << 20
"""Of the rows in a part, which is what a task holds."""

FLOAT = 4


def liked_items(spark: SparkSession, items: BlockSet, part: Part, folder: Path) -> Positions:
    """The items that anybody likes, ascending: the others take room in a matrix of all pairs, and have nothing in it."""

    def survey(ref: BlockRef) -> Arrays:
        return {"liked": ref.open().learnt("liked", part).known}

    parts = write_parts(spark, items.blocks, survey, folder, "liked")
    bring_here(parts, "liked")
    liked = np.concatenate([np.empty(0, np.bool_), *(open_array(one, "liked") for one in parts)])
    remove_rests(folder, "the survey of items", parts)
    return np.flatnonzero(liked).astype(np.int32)


def write_gram(
    spark: SparkSession,
    users: BlockSet,
    items: BlockSet,
    part: Part,
    damping: float,
    among: Positions,
    folder: Path,
) -> tuple[str, ...]:
    """Form the Gram matrix of all likings; of a user with n of them each counts `n ** -damping`.

    Args:
        spark: The session.
        users: The snapshot's users.
        items: Its items.
        part: What is learnt from.
        damping: See above.
        among: Its rows and columns: int32[m], positions of items, ascending, all that are liked among them.
        folder: Where parts go.

    Returns:
        Parts of consecutive rows, each with `rows` float32[n, m].
    """
    pieces = list(tiles(len(among), max(1, _PART_BYTES // (FLOAT * max(1, len(among))))))

    def form(piece: slice) -> Arrays:
        likings = open_likings(users, items, part, damping)
        wanted = among[piece]
        rows = np.zeros((len(wanted), len(among)), dtype=np.float32)
        for some, tile in gram_rows(likings, wanted):
            rows[some] = tile.sums[:, among, 0]
            tile.sums[:] = 0.0
        return {"rows": rows}

    return write_parts(spark, pieces, form, folder, "gram")


def places_of(ref: BlockRef, among: Positions) -> range:
    """Where in an ascending list of items those of a block are."""
    return range(*np.searchsorted(among, [ref.first, ref.first + ref.rows]).tolist())


def open_rows(part: str) -> npt.NDArray[np.float32]:
    """The rows of one part, mapped."""
    return open_array(part, "rows")


class GramRows:
    """The parts of a Gram matrix as one, mapped."""

    def __init__(self, parts: Sequence[str]) -> None:
        """Open the parts, in order."""
        self._parts = list(map(open_rows, parts))
        self._starts = np.cumsum([0, *map(len, self._parts)])

    def of(self, places: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Some rows, by their places in the matrix, ascending: float32[places, m]."""
        bounds = np.searchsorted(places, self._starts)
        return np.concatenate(
            [
                part[places[begin:end] - start]
                for part, start, (begin, end) in zip(
                    self._parts, self._starts[:-1], pairwise(bounds), strict=True
                )
            ]
        )
