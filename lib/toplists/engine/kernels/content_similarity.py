"""The items most similar to each item by what is said of them: a blend of several parts.

The similarity of items i and j is

    Σ_p weight_p · s_p(i, j) / Σ_p weight_p

over all parts, where s_p is the cosine of what both have in a part (genres, words, vectors), or
`exp(-|x_i - x_j| / scale)` of a number that both have. Of a part that one of them lacks, it is 0: an item
without any genre is like no other by genres.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.gram import PRODUCT, TILE_BYTES, gram_tiles
from toplists.engine.kernels.products import TILE_ROWS, multiply_rows
from toplists.engine.kernels.topk import empty_heaps, offer, sort_heaps
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]
_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


class Nearness(NamedTuple):
    """A number of items: float64 `values` that differ, int32[items] `codes` of them, -1 for who has none.

    Two items with a distance of `scale` count `weight` / e.
    """

    values: Doubles
    codes: npt.NDArray[np.int32]
    scale: float
    weight: float

    def of(self, items: slice) -> Doubles:
        """How much the values are near to those of some items: float64[items, values + 1], the last 0."""
        own = self.codes[items]
        table = np.zeros((len(own), len(self.values) + 1))
        have = own >= 0
        distances = np.abs(self.values[own[have], np.newaxis] - self.values)
        table[have, :-1] = self.weight * np.exp(-distances / self.scale)
        return table


class Described(NamedTuple):
    """What is said of all items.

    `features`, by item, has the square roots of what each feature counts, above 0, in rows whose square is the
    weight of their parts; `items` is the same by feature. float32[items, d] `vectors` have a square of their
    weight, or are 0. `total` is the weight of all parts.
    """

    features: Sparse
    items: Sparse
    numbers: tuple[Nearness, ...]
    vectors: npt.NDArray[np.float32]
    total: float

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self.features.indptr) - 1


def alike(
    described: Described,
    first: int,
    rows: int,
    candidates: npt.NDArray[np.bool_],
    *,
    k: int | None,
    lowest: float = 0.0,
    tile_bytes: int = TILE_BYTES,
) -> Sparse:
    """The k candidates that are most similar to each of some consecutive items, themselves left out.

    Similarities are compared as the single precision that they are stored in: the order is by (similarity
    descending, position ascending). Neither depends on how the items are cut.

    Args:
        described: All items.
        first: Position of the first one.
        rows: Number of them.
        candidates: bool[items], which may be neighbours.
        k: Neighbours per item; `None` = all that are similar at all.
        lowest: What is less similar is no neighbour.
        tile_bytes: Memory for the sums that are held at a time, of one item at least. Vectors take 512 bytes x
            items besides.

    Returns:
        Each item's neighbours, best first, with their similarities.
    """
    chosen = frozen(candidates)
    most = min(int(np.count_nonzero(candidates)), described.size if k is None else k)
    least = max(float(np.float32(lowest)), _SMALLEST)
    turned = np.ascontiguousarray(described.vectors.T)
    found = []
    for start in range(first, first + rows, TILE_ROWS):
        height = min(TILE_ROWS, first + rows - start)
        own = described.features.of(np.arange(start, start + height))
        product = (
            multiply_rows(described.vectors[start : start + height], turned)
            if len(turned)
            else None
        )
        columns = [(0, described.items)]
        for place, tile in gram_tiles(
            own, columns, described.size, width=PRODUCT, tile_bytes=tile_bytes
        ):
            sums = tile.sums.reshape(-1, described.size)
            of_tile = slice(start + place, start + place + len(sums))
            for number in described.numbers:
                _add_nearness(sums, number.of(of_tile), frozen(number.codes))
            if product is not None:
                sums += product[place : place + len(sums)]
            heaps = empty_heaps(len(sums), max(1, most))
            _choose(sums, of_tile.start, described.total, least, chosen, *heaps)
            sort_heaps(*heaps)
            found.append(Sparse.of_lists(*heaps))
    return Sparse.stacked(found)


@compiled
def _add_nearness(sums: Doubles, table: Doubles, codes: npt.NDArray[np.int32]) -> None:
    """Add what the table says of each item's value; code -1 is its last column."""
    for row in range(len(sums)):
        for item in range(len(codes)):
            sums[row, item] += table[row, codes[item]]


@compiled
def _choose(
    sums: Doubles,
    first: int,
    total: float,
    lowest: float,
    candidates: npt.NDArray[np.bool_],
    items: npt.NDArray[np.int32],
    scores: Doubles,
) -> None:
    """Offer the similarities of a tile to its heaps, and empty it."""
    for row in range(len(sums)):
        for item in range(sums.shape[1]):
            if sums[row, item] > 0.0 and candidates[item] and item != first + row:
                # More than 1 is rounding.
                similarity = min(1.0, float(np.float32(sums[row, item] / total)))
                if similarity >= lowest:
                    offer(items, scores, row, item, similarity)
            sums[row, item] = 0.0
