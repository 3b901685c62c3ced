"""Each item's most similar items, by any measure, exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toplists.config.model_knn import ItemKnnSettings
from toplists.engine.comparison import Comparison
from toplists.engine.measures import learns_ratings
from toplists.engine.shapes import ItemWeights
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Range, Space


class ItemKnn(FromSettings[ItemKnnSettings]):
    """Items that are similar to what a user liked, by who likes or rates both (Sarwar et al. 2001)."""

    name = "item_knn"

    def __init__(self, settings: ItemKnnSettings, *, only_recommendable: bool = False) -> None:
        """Take the parameters from `settings`.

        With `only_recommendable` these are lists of similar items: neighbours are sought among the items
        that may be recommended, and how likely they are is told from the item. Without, neighbours are
        what a user liked, sought among all, and how likely the item is is told from them.
        """
        super().__init__(settings)
        self._only_recommendable = only_recommendable

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, and whether neighbours may be recommended."""
        return {**super().parameters, "only_recommendable": self._only_recommendable}

    def fit(self, data: TrainingData) -> Fitted:
        """One task per block of items; no pair of items leaves it but the best.

        Raises:
            InputRefusedError: the measure compares values, and there are none; or what is in one session
                counts, and nothing has a time.
        """
        compares_ratings = learns_ratings(self._settings)
        if compares_ratings:
            data.rated_values(f"{self.name}[measure={self._settings.measure}]")
        gap_hours = self._settings.session_gap_hours
        data.require_sessions(self.name, gap_hours, values=compares_ratings)
        comparison = Comparison(
            rows=data.items,
            columns=data.users,
            part=data.part,
            lesson="rated" if compares_ratings else "liked",
            settings=self._settings,
            users_are_rows=False,
            source="row" if self._only_recommendable else "neighbour",
            session_gap_hours=gap_hours,
        )
        parts = comparison.write_neighbours(
            data.spark,
            self._settings.neighbours,
            data.folder,
            only_flagged=self._only_recommendable,
        )
        return Fitted(ItemWeights(parts))


ITEM_KNN = Definition(
    name="item_knn",
    summary="Items that are similar to what a user liked, by one of sixteen measures.",
    shape=ItemWeights,
    feedback="either",
    memory="16 to 64 bytes x items, and all likings (or ratings) once per executor, of sessions twice",
    holds=whole,
    time="the sum over users, or sessions, of the square of what each liked (or rated)",
    reference=(
        "Sarwar et al., Item-based collaborative filtering recommendation algorithms, WWW 2001; Deshpande "
        "and Karypis, Item-based top-N recommendation algorithms, ACM TOIS 22, 2004"
    ),
    make=lambda given: ItemKnn(given.model.item_knn),
    space=lambda _: Space(
        {
            "neighbours": LogRange(10, 500),
            "shrinkage": LogRange(1.0, 300.0),
            "popularity_exponent": Range(0.0, 0.5),
        }
    ),
)
"""See `ItemKnn`."""
