"""Truncated SVD of what a baseline leaves of the values (Sarwar et al. 2000)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from toplists.config.model_ratings import BaselineSettings, TruncatedSvdSettings
from toplists.engine.alone import fit_alone
from toplists.engine.shapes import Factors
from toplists.engine.singular_vectors import Truncation, fit_singular_vectors
from toplists.models.baseline import baseline_method
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Space


class TruncatedSvd(FromSettings[TruncatedSvdSettings]):
    """Values by a baseline and the strongest directions of what it leaves, 0 where there is no value."""

    name = "truncated_svd"
    learns_values = True

    def __init__(self, settings: TruncatedSvdSettings, baseline: BaselineSettings) -> None:
        """Take the parameters from `settings`, those of the baseline from `baseline`."""
        super().__init__(settings)
        self._baseline = baseline

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, those of the baseline, and that values are learnt."""
        return {**super().parameters, "baseline": self._baseline.model_dump(mode="json")}

    def fit(self, data: TrainingData) -> Fitted:
        """Find the directions of all values of the part, in one task.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        truncation = Truncation(
            data.rated_values(self.name),
            baseline_method(self._baseline),
            self._settings.rank,
            self._settings.passes,
            data.seed,
        )
        return Fitted(fit_alone(data.spark, partial(fit_singular_vectors, truncation), data.folder))


TRUNCATED_SVD = Definition(
    name="truncated_svd",
    summary="Predicts values by a baseline and the strongest directions of what it leaves.",
    shape=Factors,
    feedback="values",
    memory="16 bytes x (rank + 10) x (users + items), and a block",
    time="passes x interactions x (rank + 10) x 2, on one core",
    reference=(
        "Sarwar et al., Application of dimensionality reduction in recommender system, WebKDD 2000; Halko, "
        "Martinsson and Tropp, Finding structure with randomness, SIAM Review 53, 2011"
    ),
    make=lambda given: TruncatedSvd(given.model.truncated_svd, given.model.baseline),
    space=lambda _: Space({"rank": Choices((4, 8, 12, 16, 24, 32, 48, 64))}),
    elsewhere=tuple(f"model.baseline.{name}" for name in BaselineSettings.model_fields),
    lengths=lambda settings: (settings.truncated_svd.rank + 1, settings.truncated_svd.rank + 2),
)
"""See `TruncatedSvd`."""
