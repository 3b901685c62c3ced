"""The same value for everything: what every rating predictor is to beat."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from toplists.config.model_ratings import ConstantSettings
from toplists.engine.alone import fit_alone
from toplists.engine.baselines import Rated, known_vectors
from toplists.engine.blocks import BlockRef, Side
from toplists.engine.exchange import WriteParts
from toplists.engine.shapes import Factors
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData


class Constant(FromSettings[ConstantSettings]):
    """One value, by default the mean of those that there are."""

    name = "constant"
    learns_values = True

    def fit(self, data: TrainingData) -> Fitted:
        """Take the mean of the values of the part, or what the settings say.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        rated = data.rated_values(self.name)
        value = rated.mean if self._settings.value is None else self._settings.value
        return Fitted(fit_alone(data.spark, partial(fit_constant, rated, value), data.folder))


def fit_constant(rated: Rated, value: float, folder: Path, write: WriteParts) -> Factors:
    """The value as factors: 1 of users, the value of items."""

    def parts(side: Side, number: float) -> tuple[str, ...]:
        def fill(ref: BlockRef) -> Arrays:
            vectors = np.full((ref.rows, 1), number, dtype=np.float32)
            return known_vectors(vectors, rated.rows_of(ref))

        return write(rated.side(side).blocks, fill, folder, side)

    return Factors(parts("users", 1.0), parts("items", value))


CONSTANT = Definition(
    name="constant",
    summary="Predicts the same value for everything: what every other is to beat.",
    shape=Factors,
    feedback="values",
    memory="a block",
    time="interactions",
    reference="a mean",
    make=lambda given: Constant(given.model.constant),
    lengths=lambda _: (1, 1),
)
"""See `Constant`."""
