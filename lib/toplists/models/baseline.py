"""Baselines: the mean, plus how far users and items are from it (Koren 2010)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from toplists.config.model_ratings import BaselineSettings
from toplists.engine.alone import fit_alone
from toplists.engine.baselines import Alternating, Descending, Method, Rated, fit_baselines
from toplists.engine.blocks import Side
from toplists.engine.rating_levels import Center
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Space


class Baseline(FromSettings[BaselineSettings]):
    """Values by the mean, a bias of the user and a bias of the item."""

    name = "baseline"
    learns_values = True

    def fit(self, data: TrainingData) -> Fitted:
        """Fit the biases to all values of the part, in one task.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        fit = partial(fit_baselines, data.rated_values(self.name), baseline_method(self._settings))
        return Fitted(fit_alone(data.spark, fit, data.folder))


def baseline_method(settings: BaselineSettings) -> Method:
    """How the settings want biases to be found."""
    if settings.method == "sgd":
        return Descending(settings.learning_rate, settings.regularization, settings.epochs or 20)
    penalties: Mapping[Side, float] = {
        "users": settings.user_penalty,
        "items": settings.item_penalty,
    }
    return Alternating(penalties, settings.epochs or 10)


def fit_center(
    center: Center, rated: Rated, settings: BaselineSettings, data: TrainingData
) -> Factors | None:
    """The baselines that ratings are compared with, where the center is that."""
    if center != "baseline":
        return None
    fit = partial(fit_baselines, rated, baseline_method(settings))
    return fit_alone(data.spark, fit, data.folder)


def _space(settings: BaselineSettings) -> Space:
    if settings.method == "sgd":
        return Space({"regularization": LogRange(1e-3, 1.0), "learning_rate": LogRange(1e-3, 0.1)})
    return Space({"user_penalty": LogRange(0.5, 50.0), "item_penalty": LogRange(0.5, 50.0)})


BASELINE = Definition(
    name="baseline",
    summary="Predicts values by the mean and how far the user and the item are from it.",
    shape=Factors,
    feedback="values",
    memory="8 bytes x (users + items)",
    time="epochs x interactions, on one core",
    reference=(
        "Koren, Factor in the neighbors: scalable and accurate collaborative filtering, ACM TKDD 4, 2010"
    ),
    make=lambda given: Baseline(given.model.baseline),
    space=lambda settings: _space(settings.baseline),
    lengths=lambda _: (2, 2),
)
"""See `Baseline`."""
