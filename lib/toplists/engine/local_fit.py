"""Item weights that are fitted item by item, each to its most similar items only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.blocks import BlockRef, BlockSet, Part, tiles
from toplists.engine.comparison import Comparison
from toplists.engine.dense_gram import FLOAT
from toplists.engine.exchange import write_parts
from toplists.engine.half import remove_rests
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.gram_rows import Doubles, Positions
from toplists.engine.kernels.local_systems import local_systems
from toplists.engine.likings import open_likings
from toplists.engine.shapes import ItemWeights
from toplists.engine.storage import Arrays, open_array

_SYSTEM_BYTES = 256 << 20
"""For the systems that a task holds at a time; with half of it the Gram matrix is formed twice as often."""


@dataclass(frozen=True)
class LocalFit:
    """What is fitted: each item's likings by those of its `neighbours` most similar items.

    Of a user with n likings each counts `n ** -damping`, in the similarity and in the fit. `solve`, which is
    picklable, makes weights float64[n] of the neighbours' Gram matrix float64[n, n], which it may
    overwrite, and their column of the item float64[n]. An item's weights are multiplied by the number of
    its likings to the power of `lift`.
    """

    users: BlockSet
    items: BlockSet
    part: Part
    neighbours: int
    damping: float
    solve: Callable[[Doubles, Doubles], Doubles]
    lift: float = 0.0

    @property
    def comparison(self) -> Comparison:
        """How alike items are: the cosine of the weighted Gram matrix."""
        settings = SimilaritySettings(common_exponent=self.damping)
        return Comparison(
            self.items, self.users, self.part, "liked", settings, users_are_rows=False
        )


def fit_locally(spark: SparkSession, fit: LocalFit, folder: Path) -> ItemWeights:
    """Fit every item; the parts go to `folder`, which every executor sees.

    Blocks are cut by interactions, systems cost the same whatever an item's are: tasks are given as many items
    each, and what they find is put together by block.
    """
    pieces = [(ref, rows) for ref in fit.items.blocks for rows in cut_block(fit, ref)]
    found = write_parts(spark, pieces, lambda piece: fit_rows(fit, *piece), folder, "pieces")
    of_blocks = [
        [part for (own, _), part in zip(pieces, found, strict=True) if own.index == ref.index]
        for ref in fit.items.blocks
    ]
    parts = write_parts(spark, of_blocks, _joined, folder, "items")
    remove_rests(folder, "the pieces of a local fit", found)
    return ItemWeights(parts)


def cut_block(fit: LocalFit, ref: BlockRef) -> list[slice]:
    """The rows of a block in equal pieces, none with more than blocks have on average, nor than are held at a time."""
    members = fit.neighbours + 1
    held = _SYSTEM_BYTES // (FLOAT * members * (members + 1) // 2)
    most = max(1, min(held, -(-fit.items.rows // len(fit.items.blocks))))
    count = max(1, -(-ref.rows // most))
    return list(tiles(ref.rows, -(-ref.rows // count))) if ref.rows else [slice(0, 0)]


def fit_rows(fit: LocalFit, ref: BlockRef, rows: slice) -> Arrays:
    """The weights of consecutive items of a block, as arrays of a part."""
    likings = open_likings(fit.users, fit.items, fit.part, fit.damping)
    first, count = ref.first + rows.start, rows.stop - rows.start
    lengths = np.diff(likings.items.indptr[first : first + count + 1])
    lifts = np.maximum(lengths, 1).astype(np.float64) ** fit.lift

    def fitted() -> Iterator[tuple[int, Positions, Doubles]]:
        nearest = fit.comparison.neighbours(ref, fit.neighbours, rows=rows)
        sets = ItemSets(nearest.indptr, nearest.columns)
        for row, members, gram, pull in local_systems(likings, first, sets, _SYSTEM_BYTES):
            yield row, members, lifts[row] * fit.solve(gram, pull)

    return weights_by_item(fitted(), count)


def _joined(parts: Sequence[str]) -> Arrays:
    """The parts of consecutive items as one."""
    lengths = [np.diff(open_array(part, "indptr")) for part in parts]
    return {
        "indptr": np.concatenate(([0], np.cumsum(np.concatenate(lengths)))),
        **{
            name: np.concatenate([open_array(part, name) for part in parts])
            for name in ("neighbours", "weights")
        },
    }


def weights_by_item(
    fitted: Iterator[tuple[int, Positions, npt.NDArray[np.floating]]], rows: int
) -> Arrays:
    """Weights as arrays of a part of `ItemWeights`.

    Args:
        fitted: Rows of the part, ascending, with positions of items and a weight of each; what is 0 is left out.
        rows: Number of rows of the part.
    """
    lengths = np.zeros(rows, dtype=np.int64)
    neighbours, weights = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for row, items, values in fitted:
        stored = values.astype(np.float32)
        best_first = np.lexsort((items, -stored))
        kept = best_first[stored[best_first] != 0]
        lengths[row] = len(kept)
        neighbours.append(items[kept])
        weights.append(stored[kept])
    return {
        "indptr": np.concatenate(([0], np.cumsum(lengths))),
        "neighbours": np.concatenate(neighbours),
        "weights": np.concatenate(weights),
    }
