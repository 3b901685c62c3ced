"""Ratings predicted from those of similar users, or of similar items (Herlocker et al. 1999; Koren 2010)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toplists.config.model_knn import RatingKnnSettings
from toplists.config.model_ratings import BaselineSettings
from toplists.engine.baselines import Rated
from toplists.engine.comparison import Comparison
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.rating_levels import Leveling, write_levels
from toplists.engine.shapes import RatedNeighbours
from toplists.models.baseline import fit_center
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Dimension, LogRange, Range, Space


class RatingKnn(FromSettings[RatingKnnSettings]):
    """A rating as its level, and what the k most similar that have one are above theirs.

    With `center` none, means, z_score and baseline it is what scikit-surprise calls KNNBasic,
    KNNWithMeans, KNNWithZScore and KNNBaseline.
    """

    name = "rating_knn"
    learns_values = True

    def __init__(self, settings: RatingKnnSettings, baseline: BaselineSettings) -> None:
        """Take the parameters from `settings`, those of levels by baselines from `baseline`."""
        super().__init__(settings)
        self._baseline = baseline

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, those of the baseline if there is one, and that values are learnt."""
        if self._settings.center != "baseline":
            return super().parameters
        return {**super().parameters, "baseline": self._baseline.model_dump(mode="json")}

    def fit(self, data: TrainingData) -> Fitted:
        """Find levels and neighbours of all values of the part, in a task for each block.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        rated, settings = data.rated_values(self.name), self._settings
        baselines = fit_center(settings.center, rated, self._baseline, data)
        leveling = Leveling(rated, settings.center, settings.by, baselines)
        write = partial(write_parts, data.spark)
        return Fitted(fit_neighbours(leveling, settings, data.folder, write))


def fit_neighbours(
    leveling: Leveling, settings: RatingKnnSettings, folder: Path, write: WriteParts
) -> RatedNeighbours:
    """Levels, ratings and neighbours, as parts that `write` writes to the folder."""
    users, items = write_levels(leveling, folder, write)
    comparison = _comparison(leveling.rated, settings)
    find = partial(comparison.arrays_of, k=settings.neighbours)
    return RatedNeighbours(
        users,
        items,
        write(comparison.rows.blocks, find, folder, "neighbours"),
        by=settings.by,
        k=settings.k,
        min_k=settings.min_k,
        shift=settings.denominator,
        counted=False,
        otherwise=leveling.otherwise,
    )


def _comparison(rated: Rated, settings: RatingKnnSettings) -> Comparison:
    by_users = settings.by == "users"
    rows, columns = (rated.users, rated.items) if by_users else (rated.items, rated.users)
    return Comparison(
        rows, columns, rated.part, "rated", settings, by_users, signed=settings.signed
    )


def _space(settings: RatingKnnSettings) -> Space:
    dimensions: dict[str, Dimension] = {
        "k": Choices((10, 15, 20, 30, 40, 60, 80)),
        "shrinkage": LogRange(1.0, 300.0),
    }
    if settings.center != "none":
        dimensions["denominator"] = Range(0.0, 2.0)
    return Space(dimensions)


RATING_KNN = Definition(
    name="rating_knn",
    summary="Predicts values by those of similar users, or by what the user gave to similar items.",
    shape=RatedNeighbours,
    feedback="values",
    memory=(
        "8 bytes x neighbours x the similar side's rows, and all values once per executor; by items 12 bytes x k x "
        "items for lists"
    ),
    time="the sum over the other side of the square of its values; as much again for the lists of all users",
    reference=(
        "Herlocker et al., An algorithmic framework for performing collaborative filtering, SIGIR 1999; "
        "Koren, Factor in the neighbors: scalable and accurate collaborative filtering, ACM TKDD 4, 2010"
    ),
    make=lambda given: RatingKnn(given.model.rating_knn, given.model.baseline),
    space=lambda settings: _space(settings.rating_knn),
    elsewhere=tuple(f"model.baseline.{name}" for name in BaselineSettings.model_fields),
    holds=whole,
)
"""See `RatingKnn`."""
