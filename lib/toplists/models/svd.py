"""Biased matrix factorization by stochastic gradients, known as Funk's SVD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.config.model_sgd import SvdSettings
from toplists.engine.biases import Biases
from toplists.engine.blocks import Lesson, Part, Side
from toplists.engine.cells import Cell, Ended
from toplists.engine.kernels.draws import derive_seed, normal_vectors
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.descent import fit_by_descent
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Space

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RatingGradient:
    """Value = mean + bias of the user + bias of the item + product of the vectors.

    A state has a row's vector, and behind it the bias.
    """

    lesson: ClassVar[Lesson] = "rated"
    in_order: ClassVar[bool] = False
    rank: int
    mean: float
    learning_rate: float
    regularization: float
    start_deviation: float
    seed: int
    part: Part

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """Normal draws by the hash of the external id, and no bias."""
        return np.column_stack((self.draws(ids, side), np.zeros(len(ids), dtype=np.float32)))

    def draws(self, ids: pa.StringArray, *names: str) -> Floats:
        """First vectors: float32[rows, rank]."""
        seed = derive_seed(self.seed, "start", *names)
        return normal_vectors(ids.to_pylist(), self.rank, self.start_deviation, seed)

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """A step for every rating."""
        # Here, in the task: numba takes a second to load, and the driver makes no steps.
        from toplists.engine.kernels.rating_steps import Step, descend_ratings

        step = Step(self.mean, self.learning_rate, self.regularization)
        return descend_ratings(cell.rows, users, items, step, seed)

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """The biases within the vectors."""
        return Biases(self.rank, self.mean).store(rows.state[:, : self.rank + 1], side)


class Svd(FromSettings[SvdSettings]):
    """Values as mean, biases and a product of vectors, by steps after each rating."""

    name = "svd"
    learns_values = True
    gradient: ClassVar[type[RatingGradient]] = RatingGradient

    def __init__(self, settings: SvdSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on all values of the part.

        Raises:
            InputRefusedError: no interaction of the part has a value.
            ConfigurationError: the learning rate is too high.
        """
        settings = self._settings
        gradient = self.gradient(
            settings.rank,
            data.rated_values(self.name).mean,
            settings.learning_rate,
            settings.regularization,
            settings.start_deviation,
            data.seed,
            data.part,
        )
        return fit_by_descent(data, gradient, settings.epochs, self._single_task_entries)


def svd_space(rank: int) -> Space:
    """What of it can be tuned, up to such a rank."""
    return Space(
        {
            "regularization": LogRange(0.01, 0.3),
            "rank": LogRange(8, rank),
            "epochs": LogRange(10, 100),
            "learning_rate": LogRange(0.002, 0.02),
        }
    )


SVD = Definition(
    name="svd",
    summary="Predicts values by biases and vectors, fitted by a step after each rating.",
    shape=Factors,
    feedback="values",
    memory=(
        "4 bytes x rank x users and items of a cell of about 1 M interactions, and "
        "40 bytes x the root of 1 M x interactions, those of its users"
    ),
    time="epochs x interactions x rank",
    reference=(
        "Funk, Netflix update: try this at home, 2006; in strata: Gemulla et al., Large-scale matrix "
        "factorization with distributed stochastic gradient descent, KDD 2011"
    ),
    make=lambda given: Svd(given.model.svd, given.engine.single_task_entries),
    space=lambda _: svd_space(200),
    lengths=lambda settings: (0, settings.svd.rank + 2),
)
"""See `Svd`."""
