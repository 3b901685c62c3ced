"""Item-to-item cosine similarity (Sarwar et al. 2001), exact, over all raters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from toplists.config.model_knn import ItemCosineSettings
from toplists.engine.blocks import BlockRef, BlockSet, Part, all_flags
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.similarity import cosine_neighbours
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.shapes import ItemWeights
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.search import LogRange, Space


class ItemCosine:
    """Each item's most similar items, by who likes both."""

    name = "item_cosine"

    def __init__(self, settings: ItemCosineSettings, *, only_recommendable: bool = False) -> None:
        """Take the parameters from `settings`.

        With `only_recommendable` neighbours are sought among the items that may be recommended, as
        lists of similar items need it; without, among all, as what a user liked may be among them.
        """
        self._settings = settings
        self._only_recommendable = only_recommendable

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, and whether neighbours may be recommended."""
        return {
            **self._settings.model_dump(mode="json"),
            "only_recommendable": self._only_recommendable,
        }

    def fit(self, data: TrainingData) -> Fitted:
        """One task per block of items; no pair of items leaves it but the best."""
        users, items, part = data.users, data.items, data.part
        k, shrinkage = self._settings.neighbours, self._settings.shrinkage
        only_recommendable = self._only_recommendable

        def neighbours(ref: BlockRef) -> Arrays:
            tiles = cosine_neighbours(
                _liked(ref, part),
                ref.first,
                _by_user(users, part),
                _norms(items, part),
                all_flags(items.blocks) if only_recommendable else None,
                k=k,
                shrinkage=shrinkage,
            )
            found = [(positions, values) for _, positions, values in tiles]
            positions, values = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
            listed = positions >= 0
            return {
                "indptr": np.concatenate(([0], np.cumsum(np.count_nonzero(listed, axis=1)))),
                "neighbours": positions[listed],
                "weights": values[listed].astype(np.float32),
            }

        return Fitted(
            ItemWeights(write_parts(data.spark, items.blocks, neighbours, data.folder, "items"))
        )


@lru_cache(maxsize=2)
def _by_user(users: BlockSet, part: Part) -> tuple[tuple[int, Sparse], ...]:
    return tuple((ref.first, _liked(ref, part)) for ref in users.blocks)


@lru_cache(maxsize=2)
def _norms(items: BlockSet, part: Part) -> npt.NDArray[np.float64]:
    squares = [
        ref.open().trained(part, items.columns).astype(np.float64).power(2).sum(axis=1)
        for ref in items.blocks
    ]
    norms: npt.NDArray[np.float64] = np.sqrt(np.concatenate(squares))
    return norms


def _liked(ref: BlockRef, part: Part) -> Sparse:
    return Sparse(*ref.open().learnt("liked", part)[:3])


ITEM_COSINE = Definition(
    name="item_cosine",
    summary="Items that are liked by the same users as what a user liked.",
    shape=ItemWeights,
    feedback="likings",
    memory="16 bytes x items, and all likings once per executor",
    time="the sum over users of the square of what each liked",
    reference=(
        "Sarwar et al., Item-based collaborative filtering recommendation algorithms, WWW 2001"
    ),
    make=lambda given: ItemCosine(given.model.item_cosine),
    space=lambda _: Space({"neighbours": LogRange(10, 500), "shrinkage": LogRange(1.0, 300.0)}),
)
"""See `ItemCosine`."""
