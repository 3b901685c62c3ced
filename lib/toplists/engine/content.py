"""What is said of the items of a snapshot, and how alike it makes them.

One task reads the catalogue and writes arrays; all others map these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.blocks import BlockRef, BlockSet, Lesson, Part, all_flags, all_ids
from toplists.engine.catalogue import Catalogue
from toplists.engine.content_features import (
    features_of_values,
    features_of_words,
    nearness_of_numbers,
    read_vectors,
    side_by_side,
    unit_rows,
)
from toplists.engine.exchange import WriteParts
from toplists.engine.kernels.content_similarity import Described, Nearness, alike
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.shapes import NEIGHBOURS, neighbours_part, open_rows
from toplists.engine.storage import Arrays, open_array

_COLUMNS = {
    "genres": ("genres",),
    "year": ("year",),
    "values": ("attributes",),
    "number": ("attributes", "numbers"),
}
_FEATURES, _TURNED = (
    tuple(f"{side}-{name}" for name in ("indptr", "columns", "values"))
    for side in ("features", "items")
)


@dataclass(frozen=True)
class Aspect:
    """A part of what is said: its `kind`, the `name` of the attribute where it is one, and its `weight`.

    `files` are of words parts that say how much each counts of each item, one per block, as those of
    `ItemWeights` do with items; of vectors Parquet files.
    """

    kind: str
    name: str
    weight: float
    files: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """As settings have it."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True)
class Content:
    """What of items is compared.

    Attributes:
        items: Item blocks.
        catalogue: Parquet files of the table `items`.
        aspects: The parts.
        rarity: Whether of genres and other values those count more that fewer items have.
        year_scale: Years after which similarity by them is 1 / e.
        number_scale: Standard deviations after which that by other numbers is.
    """

    items: BlockSet
    catalogue: tuple[str, ...]
    aspects: tuple[Aspect, ...]
    rarity: bool
    year_scale: float
    number_scale: float


@dataclass(frozen=True)
class Candidates:
    """Which items may be neighbours: those that may be recommended, or of which a `lesson` has anything."""

    items: BlockSet
    part: Part
    lesson: Lesson | None


def describe(content: Content, folder: Path, write: WriteParts) -> tuple[str, dict[str, int]]:
    """Make the arrays of a content in a task, and `write` them to `folder`.

    Returns:
        Where they lie, and of how many items each part is known.

    Raises:
        InputRefusedError: the table of vectors is not what it should be.
    """
    (path,) = write([content], _arrays, folder, "content")
    labels = (aspect.label for aspect in content.aspects)
    return path, dict(zip(labels, map(int, open_array(path, "known")), strict=True))


def similar_content(
    path: str, candidates: Candidates, ref: BlockRef, *, k: int | None, lowest: float
) -> Arrays:
    """The k candidates most like each item of a block, as a part of `ItemWeights`.

    Args:
        path: Where the arrays of the content lie.
        candidates: Which may be neighbours.
        ref: The block.
        k: Neighbours per item; `None` = all that are similar at all.
        lowest: What is less similar is no neighbour.
    """
    found = alike(_opened(path), ref.first, ref.rows, _flags(candidates), k=k, lowest=lowest)
    return neighbours_part(found)


@lru_cache(maxsize=2)
def _flags(candidates: Candidates) -> npt.NDArray[np.bool_]:
    lesson, blocks = candidates.lesson, candidates.items.blocks
    if lesson is None:
        return all_flags(blocks)
    return np.concatenate([ref.open().learnt(lesson, candidates.part).known for ref in blocks])


def _arrays(content: Content) -> Arrays:
    """All that is said of the items."""
    ids = all_ids(content.items.blocks)
    columns = {name for one in content.aspects for name in _COLUMNS.get(one.kind, ())}
    catalogue = Catalogue.read(content.catalogue, ids, sorted(columns))
    features: list[sp.csr_array] = []
    numbers: list[Nearness] = []
    vectors = np.zeros((len(ids), 0), dtype=np.float32)
    known = []
    for aspect in content.aspects:
        if aspect.kind in ("year", "number"):
            numbers.append(_nearness(content, aspect, catalogue))
            known.append(np.count_nonzero(numbers[-1].codes >= 0))
        elif aspect.kind == "vectors":
            vectors = read_vectors(aspect.files, ids, aspect.weight)
            known.append(np.count_nonzero(vectors.any(axis=1)))
        else:
            stated = _features(content, aspect, catalogue)
            features.append(unit_rows(stated, aspect.weight))
            # What all items have counts nothing, and is said of them nevertheless.
            known.append(np.count_nonzero(np.diff(stated.indptr)))
    by_item, by_feature = side_by_side(features, len(ids))
    return {
        **dict(zip(_FEATURES, by_item, strict=True)),
        **dict(zip(_TURNED, by_feature, strict=True)),
        **{f"values-{place}": one.values for place, one in enumerate(numbers)},
        **{f"codes-{place}": one.codes for place, one in enumerate(numbers)},
        "scales": np.array([(one.scale, one.weight) for one in numbers]),
        "vectors": vectors,
        "total": np.array(sum(aspect.weight for aspect in content.aspects)),
        "known": np.array(known),
    }


def _features(content: Content, aspect: Aspect, catalogue: Catalogue) -> sp.csr_array:
    """How much each value or word of a part counts of each item."""
    n_items = content.items.rows
    if aspect.kind in ("title", "text"):
        words = Sparse.stacked([open_rows(part, NEIGHBOURS) for part in aspect.files])
        return features_of_words(words, n_items)
    stated = (
        catalogue.lists("genres") if aspect.kind == "genres" else catalogue.separated(aspect.name)
    )
    return features_of_values(stated, n_items, rarity=content.rarity)


def _nearness(content: Content, aspect: Aspect, catalogue: Catalogue) -> Nearness:
    is_year = aspect.kind == "year"
    return nearness_of_numbers(
        *catalogue.numbers("year" if is_year else aspect.name),
        content.items.rows,
        scale=content.year_scale if is_year else None,
        deviations=content.number_scale,
        weight=aspect.weight,
    )


@lru_cache(maxsize=2)
def _opened(path: str) -> Described:
    """The arrays, once per worker."""
    numbers = [
        Nearness(
            open_array(path, f"values-{place}"),
            open_array(path, f"codes-{place}"),
            float(scale),
            float(weight),
        )
        for place, (scale, weight) in enumerate(open_array(path, "scales"))
    ]
    return Described(
        Sparse(*(open_array(path, name) for name in _FEATURES)),
        Sparse(*(open_array(path, name) for name in _TURNED)),
        tuple(numbers),
        open_array(path, "vectors"),
        float(open_array(path, "total")),
    )
