"""The published split of MovieLens ml-latest-small, and how well its test part is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from snapshots import write_blocks

from toplists.engine.baselines import Rated
from toplists.engine.blocks import BlockSet
from toplists.engine.kernels.candidates import Candidates, ItemSets, no_sets
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import Factors, RatedNeighbours, open_vectors

SCALE = (0.5, 5.0)


def described_movies(data: Path) -> dict[str, dict[str, Any]]:
    """What the catalogue says of the movies that were rated, by the ids that `write_blocks` gives them."""
    folder = data / "ml-latest-small"
    movies = pd.read_csv(folder / "movies.csv.gz").set_index("movieId")
    rated = np.sort(pd.read_csv(folder / "ratings.csv.gz").movieId.unique())
    movies["year"] = movies.title.str.extract(r"\((\d{4})\)\s*$")[0]
    return {
        f"i{row:03}": {
            "genres": [genre for genre in movie.genres.split("|") if genre[0] != "("],
            "year": None if pd.isna(movie.year) else int(movie.year),
        }
        for row, movie in enumerate(movies.loc[rated].itertuples())
    }


@dataclass(frozen=True)
class Holdout:
    """Ratings as blocks of users and items; `tested` are the (user, item) held out, with `values`."""

    users: BlockSet
    items: BlockSet
    tested: tuple[np.ndarray, np.ndarray]
    values: np.ndarray
    mean: float

    @classmethod
    def load(cls, data: Path, folder: Path) -> Self:
        """Read it from the folder of data sets, and write its blocks under `folder`."""
        ratings = pd.read_csv(data / "ml-latest-small" / "ratings.csv.gz")
        holdout = pd.read_csv(data / "ml-latest-small" / "holdout-25.csv.gz")
        keys = ["userId", "movieId"]
        held_out = ratings.merge(holdout, how="left", on=keys, indicator="part").part == "both"
        place = tuple(pd.factorize(ratings[key], sort=True)[0] for key in keys)
        values = np.full((place[0].max() + 1, place[1].max() + 1), np.nan)
        hidden = np.zeros(values.shape, dtype=np.bool_)
        values[place], hidden[place] = ratings.rating, held_out
        users, items = write_blocks(folder, values, holdout=hidden)
        tested = np.nonzero(hidden)
        return cls(
            users, items, tested, values[tested], float(values[~hidden & (values > 0)].mean())
        )

    @property
    def rated(self) -> Rated:
        """What may be learnt from."""
        return Rated(self.users, self.items, "train", self.mean)

    def rmse_of_neighbours(self, shape: RatedNeighbours, otherwise: np.ndarray) -> float:
        """The same of a model by neighbours, with `otherwise` float64[tested] for what it does not know."""
        user, item = self.tested
        targets = ItemSets(
            np.searchsorted(user, np.arange(self.users.rows + 1)), item.astype(np.int32)
        )
        (ref,) = self.users.blocks
        selector = open_selector(
            shape, ref.open(), "train", np.ones(self.items.rows, dtype=np.bool_), 1 << 20
        )
        found = selector.select(
            np.arange(ref.rows), Candidates(no_sets(ref.rows)), 1, targets
        ).target_scores
        return self._rmse(np.where(np.isnan(found), otherwise, found))

    def rmse(self, factors: Factors) -> float:
        """Of the predictions, cut off at the ends of the scale.

        An item that nobody rated in the training part is taken for the average of those that were.
        """
        return self._rmse(self.predictions(factors))

    def predictions(self, factors: Factors, unknown_item: np.ndarray | None = None) -> np.ndarray:
        """Of what is tested; the average vector, or that of `unknown_item`, for whom nobody rated."""
        (users, _), (items, known) = (
            [np.concatenate(arrays) for arrays in zip(*map(open_vectors, parts), strict=True)]
            for parts in (factors.users, factors.items)
        )
        items[~known] = items[known].mean(axis=0) if unknown_item is None else unknown_item
        user, item = self.tested
        return np.einsum("ij,ij->i", users[user], items[item])

    def _rmse(self, predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean((np.clip(predicted, *SCALE) - self.values) ** 2)))
