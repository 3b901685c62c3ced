"""Ridge regression of each item on its most similar items: EASE, locally."""

from __future__ import annotations

from functools import partial

from toplists.config.model_linear import LocalRidgeSettings
from toplists.engine.kernels.gram_rows import Doubles
from toplists.engine.kernels.ridge import solve_ridge
from toplists.engine.local_fit import LocalFit, fit_locally
from toplists.engine.shapes import ItemWeights
from toplists.errors import ConfigurationError
from toplists.models.definition import WHOLE, Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Range, Space


class LocalRidge(FromSettings[LocalRidgeSettings]):
    """What of an item's likings its most similar items foretell, by least squares with a penalty.

    SLIM on chosen features (fsSLIM: Ning and Karypis 2011) with the penalty of EASE (Steck 2019): as good as
    EASE, and no matrix of all pairs of items is ever held.
    """

    name = "local_ridge"

    def fit(self, data: TrainingData) -> Fitted:
        """One task per block of items; a small system for each item."""
        settings = self._settings
        solve = partial(_solve, regularization=settings.regularization, drop=settings.dropout)
        fit = LocalFit(
            users=data.users,
            items=data.items,
            part=data.part,
            neighbours=settings.neighbours,
            damping=settings.user_exponent,
            solve=solve,
            lift=settings.popularity_lift,
        )
        return Fitted(fit_locally(data.spark, fit, data.folder))


def _solve(gram: Doubles, pull: Doubles, regularization: float, drop: float) -> Doubles:
    try:
        return solve_ridge(gram, pull, regularization, drop)
    except FloatingPointError as error:
        raise ConfigurationError(
            f"model.local_ridge.regularization={regularization:g} is too small a penalty for what is known in "
            "single precision: raise it."
        ) from error


LOCAL_RIDGE = Definition(
    name="local_ridge",
    summary="Ridge regression of each item on its most similar items: EASE for any number of items.",
    shape=ItemWeights,
    feedback="likings",
    memory="all likings once, and 256 MiB of small systems",
    # Likings both ways, and users' once more to compare items by.
    holds=lambda _: WHOLE + WHOLE // 2,
    time="neighbours^3 x items / 3, and some passes over the pairs of items that users like together",
    reference=(
        "Ning and Karypis, SLIM: Sparse linear methods for top-N recommender systems, ICDM 2011; Steck, "
        "Embarrassingly shallow autoencoders for sparse data, WWW 2019"
    ),
    make=lambda given: LocalRidge(given.model.local_ridge),
    space=lambda _: Space(
        {
            "neighbours": Choices((60, 100, 150, 200, 300)),
            "regularization": LogRange(1.0, 100.0),
            "dropout": Range(0.0, 1.0),
        }
    ),
)
"""See `LocalRidge`."""
