"""Item-to-item cosine similarity (Sarwar et al. 2001), exact, over all raters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toplists.config.model_knn import ItemCosineSettings, SimilaritySettings
from toplists.engine.comparison import Comparison
from toplists.engine.shapes import ItemWeights
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
        comparison = Comparison(
            rows=data.items,
            columns=data.users,
            part=data.part,
            lesson="liked",
            settings=SimilaritySettings(shrinkage=self._settings.shrinkage),
            users_are_rows=False,
        )
        parts = comparison.write_neighbours(
            data.spark,
            self._settings.neighbours,
            data.folder,
            only_flagged=self._only_recommendable,
        )
        return Fitted(ItemWeights(parts))


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
