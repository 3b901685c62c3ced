"""Ratings predicted from what the user gave to items of like content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from toplists.config.model_content import ContentRatingsSettings
from toplists.config.model_ratings import BaselineSettings
from toplists.engine.content import Candidates, similar_content
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.rating_levels import Leveling, write_levels
from toplists.engine.shapes import RatedNeighbours
from toplists.models.baseline import fit_center
from toplists.models.definition import Definition
from toplists.models.item_content import content_parameters, describe_items, forget_items
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.search import Choices, Dimension, LogRange, Range, Space


class ContentRatings:
    """A rating as its level, and what the k most similar items that the user rated are above theirs.

    An item that nobody rated is predicted as well: its level is that of the user, or the mean.
    """

    name = "content_ratings"

    def __init__(self, settings: ContentRatingsSettings, baseline: BaselineSettings) -> None:
        """Take the parameters from `settings`, those of levels by baselines from `baseline`."""
        self._settings, self._baseline = settings, baseline

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings with what their vectors are and those of the baseline if there is one; values are learnt."""
        own: dict[str, Any] = {**self._content, "feedback": "explicit"}
        if self._settings.center == "baseline":
            own["baseline"] = self._baseline.model_dump(mode="json")
        return own

    @cached_property
    def _content(self) -> dict[str, Any]:
        return content_parameters(self._settings)

    def fit(self, data: TrainingData) -> Fitted:
        """Describe all items, then compare those of each block with all that anybody rated.

        Raises:
            InputRefusedError: no interaction of the part has a value, or the catalogue says nothing of any item.
            ConfigurationError: a part names what no item has.
        """
        rated, settings = data.rated_values(self.name), self._settings
        path, known = describe_items(self.name, settings, data)
        baselines = fit_center(settings.center, rated, self._baseline, data)
        leveling = Leveling(rated, settings.center, "items", baselines, unrated=True)
        write = partial(write_parts, data.spark)
        shape = fit_similar_content(leveling, settings, path, data.folder, write)
        forget_items(data)
        return Fitted(shape, {"known": known})


def fit_similar_content(
    leveling: Leveling,
    settings: ContentRatingsSettings,
    path: str,
    folder: Path,
    write: WriteParts,
) -> RatedNeighbours:
    """Levels, ratings and items of like content, as parts that `write` writes to the folder.

    Args:
        leveling: What ratings are compared with.
        settings: Those of the model.
        path: Where the arrays of the content lie.
        folder: Where the parts go.
        write: How they are written.
    """
    rated = leveling.rated
    users, items = write_levels(leveling, folder, write)
    find = partial(
        similar_content,
        path,
        Candidates(rated.items, rated.part, "rated"),
        k=settings.neighbours,
        lowest=settings.threshold,
    )
    return RatedNeighbours(
        users,
        items,
        write(rated.items.blocks, find, folder, "neighbours"),
        by="items",
        k=settings.k,
        min_k=settings.min_k,
        shift=settings.shift,
        counted=False,
        otherwise=leveling.otherwise,
    )


def _space(settings: ContentRatingsSettings) -> Space:
    dimensions: dict[str, Dimension] = {
        "k": Choices((10, 15, 20, 30, 40, 60, 80)),
        "year_scale": LogRange(1.0, 50.0),
        "weighting": Choices(("none", "idf")),
    }
    if settings.center != "none":
        dimensions["denominator"] = Range(0.0, 20.0)
    return Space(dimensions)


CONTENT_RATINGS = Definition(
    name="content_ratings",
    summary="Predicts values by what the user gave to items that are like it by genres, year, words, numbers or vectors.",
    shape=RatedNeighbours,
    feedback="values",
    scores_new_items=True,
    memory=(
        "8 bytes x neighbours x items, and all that is compared once per executor; 12 bytes x k x items for lists"
    ),
    time="the square of items; with vectors that times their length; for lists neighbours x values",
    reference=(
        "Lops, de Gemmis and Semeraro, Content-based recommender systems: state of the art and trends, "
        "Recommender Systems Handbook, 2011"
    ),
    make=lambda given: ContentRatings(given.model.content_ratings, given.model.baseline),
    space=lambda settings: _space(settings.content_ratings),
    elsewhere=tuple(f"model.baseline.{name}" for name in BaselineSettings.model_fields),
)
"""See `ContentRatings`."""
