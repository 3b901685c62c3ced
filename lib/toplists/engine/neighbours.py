"""What is nearest to an item in the space of a model's factors: other items, and users."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import Block, BlockRef, BlockSet, Part, all_flags, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.candidates import Candidates, ItemSets, Selection
from toplists.engine.kernels.factor_scan import select_by_factors
from toplists.engine.kernels.vector_tiles import VectorTiles, unit_vectors
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import Factors, ItemWeights, neighbours_part, open_vectors
from toplists.engine.storage import Arrays

Measure = Literal["cosine", "dot"]

_ITEMS_AT_ONCE = 4_096


def nearest_items(
    spark: SparkSession,
    items: BlockSet,
    model: Factors,
    *,
    k: int,
    measure: Measure,
    tile_bytes: int,
    folder: Path,
    for_scores: bool = False,
) -> ItemWeights:
    """Each item's k nearest others, by their vectors.

    Args:
        spark: The session.
        items: Item blocks; their flags say what may be recommended.
        model: The factors; an item without a vector has no neighbours and is none.
        k: Neighbours per item.
        measure: `cosine` or `dot` product of the item vectors.
        tile_bytes: Memory for the vectors that a task holds at a time.
        folder: Where the parts go; every executor sees it.
        for_scores: Whether neighbours are what users liked, and sought among all items as far as they point
            the same way. Else they are to be shown, and sought among those that may be recommended.
    """
    parts, blocks = model.items, items.blocks

    def nearest(ref: BlockRef) -> Arrays:
        flags = np.ones(items.rows, np.bool_) if for_scores else all_flags(blocks)
        catalogue = _catalogue(parts, flags.tobytes(), measure, tile_bytes)
        vectors, known = open_vectors(parts[ref.index])
        found = []
        for batch in tiles(ref.rows, _ITEMS_AT_ONCE):
            own = np.array(vectors[batch])
            own[~known[batch]] = np.nan
            if measure == "cosine":
                own = unit_vectors(own)
            itself = np.arange(ref.first + batch.start, ref.first + batch.stop, dtype=np.int32)
            seen = ItemSets(np.arange(len(own) + 1), itself)
            found.append(select_by_factors(own, catalogue, Candidates(seen), k)[:2])
        nearest = Sparse.of_lists(*map(np.concatenate, zip(*found, strict=True)))
        return neighbours_part(nearest.where(nearest.values > 0) if for_scores else nearest)

    return ItemWeights(write_parts(spark, blocks, nearest, folder, "items"))


@lru_cache(maxsize=2)
def _catalogue(
    parts: tuple[str, ...], listable: bytes, measure: Measure, tile_bytes: int
) -> VectorTiles:
    vectors, known = zip(*map(open_vectors, parts), strict=True)
    usable = np.concatenate(known) & np.frombuffer(listable, dtype=np.bool_)
    return VectorTiles(vectors, usable, tile_bytes, unit=measure == "cosine")


def nearest_users(
    block: Block,
    model: Factors,
    *,
    part: Part,
    k: int,
    reachable: npt.NDArray[np.bool_],
    tile_bytes: int,
) -> Iterator[tuple[npt.NDArray[np.int64], Selection]]:
    """The k users who score highest for each item of a block, of those who have not seen it.

    Args:
        block: The items.
        model: The factors.
        part: What of the interactions counts as seen.
        k: Users per item.
        reachable: bool[n_users], who may be named.
        tile_bytes: Memory for the user vectors that are held at a time.

    Yields:
        Rows of the block int64[items], and for each the users as `items` of a selection.
    """
    turned = type(model)(users=model.items, items=model.users)
    selector = open_selector(turned, block, part, reachable, tile_bytes)
    seen = ItemSets(*block.seen(part))
    for batch in tiles(block.ref.rows, _ITEMS_AT_ONCE):
        rows = np.arange(batch.start, batch.stop)
        yield rows, selector.select(rows, Candidates(seen.of(rows)), k)
