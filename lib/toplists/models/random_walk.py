"""Items that are two random steps away from what a user liked: P3α and RP3β."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toplists.config.model_knn import P3AlphaSettings, Rp3BetaSettings
from toplists.engine.comparison import Comparison
from toplists.engine.measures import Walk
from toplists.engine.shapes import ItemWeights
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.search import LogRange, Range, Space


class RandomWalk:
    """Walks from what a user liked, over somebody who likes it too, to something else of theirs."""

    def __init__(self, name: str, settings: P3AlphaSettings, walk: Walk) -> None:
        """Take the parameters from `settings`, of which `walk` is what decides the steps."""
        self._name, self._settings, self._walk = name, settings, walk

    @property
    def name(self) -> str:
        """`p3alpha` or `rp3beta`."""
        return self._name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings."""
        return self._settings.model_dump(mode="json")

    def fit(self, data: TrainingData) -> Fitted:
        """The probability to come to each item from others, for those that lead to it most likely."""
        comparison = Comparison(
            rows=data.items,
            columns=data.users,
            part=data.part,
            lesson="liked",
            settings=self._walk,
            users_are_rows=False,
            source="neighbour",
        )
        neighbours = self._settings.neighbours
        return Fitted(ItemWeights(comparison.write_neighbours(data.spark, neighbours, data.folder)))


_MEMORY = "16 bytes x items, and all likings once per executor"
_TIME = "the sum over users of the square of what each liked"


def make_p3alpha(settings: P3AlphaSettings) -> RandomWalk:
    """P3α."""
    return RandomWalk("p3alpha", settings, Walk(settings.alpha))


def make_rp3beta(settings: Rp3BetaSettings) -> RandomWalk:
    """RP3β."""
    return RandomWalk("rp3beta", settings, Walk(settings.alpha, settings.beta))


P3ALPHA = Definition(
    name="p3alpha",
    summary="Items that random walks of three steps end at: user, item, user, item.",
    shape=ItemWeights,
    feedback="likings",
    memory=_MEMORY,
    holds=whole,
    time=_TIME,
    reference=(
        "Cooper et al., Random walks in recommender systems: exact computation and simulations, WWW 2014"
    ),
    make=lambda given: make_p3alpha(given.model.p3alpha),
    space=lambda _: Space({"neighbours": LogRange(10, 500), "alpha": Range(0.3, 2.0)}),
)
"""See `RandomWalk`."""

RP3BETA = Definition(
    name="rp3beta",
    summary="The same, with popular items marked down.",
    shape=ItemWeights,
    feedback="likings",
    memory=_MEMORY,
    holds=whole,
    time=_TIME,
    reference=(
        "Paudel et al., Updatable, accurate, diverse, and scalable recommendations for interactive "
        "applications, ACM TiiS 7, 2017"
    ),
    make=lambda given: make_rp3beta(given.model.rp3beta),
    space=lambda _: Space(
        {"neighbours": LogRange(10, 500), "beta": Range(0.0, 1.0), "alpha": Range(0.3, 2.0)}
    ),
)
"""See `RandomWalk`."""
