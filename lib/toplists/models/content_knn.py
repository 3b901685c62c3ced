"""Items that are like what a user liked by what the catalogue says of them (content-based filtering)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from toplists.config.model_content import ContentKnnSettings
from toplists.engine.blocks import Lesson
from toplists.engine.content import Candidates, similar_content
from toplists.engine.exchange import write_parts
from toplists.engine.shapes import ItemWeights
from toplists.models.definition import Definition
from toplists.models.item_content import content_parameters, describe_items, forget_items
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.search import Choices, LogRange, Space


class ContentKnn:
    """Items by how alike they are to what a user liked; nobody needs to know them."""

    name = "content_knn"

    def __init__(self, settings: ContentKnnSettings, *, only_recommendable: bool = False) -> None:
        """Take the parameters from `settings`.

        With `only_recommendable` these are lists of similar items: neighbours are sought among the items that
        may be recommended. Without, they are sought among what anybody liked.
        """
        self._settings = settings
        self._only_recommendable = only_recommendable

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings with what their vectors are, and whether neighbours may be recommended."""
        return {**self._content, "only_recommendable": self._only_recommendable}

    @cached_property
    def _content(self) -> dict[str, Any]:
        return content_parameters(self._settings)

    def fit(self, data: TrainingData) -> Fitted:
        """Describe all items, then compare those of each block with all others.

        Raises:
            InputRefusedError: the catalogue says nothing of any item.
            ConfigurationError: a part names what no item has.
        """
        path, known = describe_items(self.name, self._settings, data)
        lesson: Lesson | None = None if self._only_recommendable else "liked"
        find = partial(
            similar_content,
            path,
            Candidates(data.items, data.part, lesson),
            k=self._settings.neighbours,
            lowest=self._settings.threshold,
        )
        parts = write_parts(data.spark, data.items.blocks, find, data.folder, "items")
        forget_items(data)
        return Fitted(ItemWeights(parts), {"known": known})


CONTENT_KNN = Definition(
    name="content_knn",
    summary=(
        "Items that are like what a user liked by genres, year, words, numbers or vectors: also those that nobody "
        "knows yet."
    ),
    shape=ItemWeights,
    feedback="likings",
    scores_new_items=True,
    memory="all that is compared once per executor; of vectors 512 bytes x items besides",
    time="the square of items; with vectors that times their length",
    reference=(
        "Lops, de Gemmis and Semeraro, Content-based recommender systems: state of the art and trends, "
        "Recommender Systems Handbook, 2011"
    ),
    make=lambda given: ContentKnn(given.model.content_knn),
    space=lambda _: Space(
        {
            "neighbours": LogRange(10, 500),
            "weighting": Choices(("none", "idf")),
            "year_scale": LogRange(1.0, 50.0),
        }
    ),
)
"""See `ContentKnn`."""
