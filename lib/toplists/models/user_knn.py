"""What the users like who are most similar, by any measure, exact."""

from __future__ import annotations

from toplists.config.model_knn import UserKnnSettings
from toplists.engine.blocks import BlockRef
from toplists.engine.comparison import Comparison
from toplists.engine.exchange import write_parts
from toplists.engine.measures import learns_ratings
from toplists.engine.shapes import LIKED, UserWeights
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Range, Space


class UserKnn(FromSettings[UserKnnSettings]):
    """Items that are liked by users who like, or rate, the same (Resnick et al. 1994)."""

    name = "user_knn"

    def fit(self, data: TrainingData) -> Fitted:
        """One task per block of users; no pair of users leaves it but the best.

        Raises:
            InputRefusedError: the measure compares values, and there are none.
        """
        compares_ratings = learns_ratings(self._settings)
        k, part = self._settings.neighbours, data.part
        if compares_ratings:
            data.rated_values(f"{self.name}[measure={self._settings.measure}]")
        comparison = Comparison(
            rows=data.users,
            columns=data.items,
            part=part,
            lesson="rated" if compares_ratings else "liked",
            settings=self._settings,
            users_are_rows=True,
        )

        def find(ref: BlockRef) -> Arrays:
            liked = ref.open().learnt("liked", part)[:3]
            return {**comparison.arrays_of(ref, k), **dict(zip(LIKED, liked, strict=True))}

        return Fitted(
            UserWeights(write_parts(data.spark, data.users.blocks, find, data.folder, "users"))
        )


USER_KNN = Definition(
    name="user_knn",
    summary="Items that the most similar users like, by one of sixteen measures.",
    shape=UserWeights,
    feedback="likings",
    memory="16 to 64 bytes x users, and all likings (or ratings) once per executor",
    holds=whole,
    time="the sum over items of the square of how many like (or rate) each",
    reference=(
        "Resnick et al., GroupLens: an open architecture for collaborative filtering of netnews, CSCW 1994; "
        "Herlocker et al., An algorithmic framework for performing collaborative filtering, SIGIR 1999"
    ),
    make=lambda given: UserKnn(given.model.user_knn),
    space=lambda _: Space(
        {
            "neighbours": LogRange(10, 500),
            "shrinkage": LogRange(1.0, 300.0),
            "popularity_exponent": Range(0.0, 0.5),
        }
    ),
)
"""See `UserKnn`."""
