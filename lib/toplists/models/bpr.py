"""Bayesian personalized ranking (Rendle et al. 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.config.model_sgd import BprSettings
from toplists.engine.blocks import Lesson, Part, Side
from toplists.engine.cells import Cell, Ended
from toplists.engine.kernels.draws import derive_seed, normal_vectors
from toplists.engine.shapes import Factors
from toplists.errors import InputRefusedError
from toplists.models.als import nothing_to_learn
from toplists.models.definition import Definition
from toplists.models.descent import fit_by_descent
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Space

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PairGradient:
    """A user's items before others, by products of vectors and a bias of the item.

    A state of items has behind the vector the bias.
    """

    lesson: ClassVar[Lesson] = "liked"
    in_order: ClassVar[bool] = False
    rank: int
    learning_rate: float
    regularization: float
    by_popularity: bool
    start_deviation: float
    seed: int
    part: Part

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """Normal draws by the hash of the external id, and no bias."""
        seed = derive_seed(self.seed, "start", side)
        first = normal_vectors(ids.to_pylist(), self.rank, self.start_deviation, seed)
        if side == "users":
            return first
        return np.column_stack((first, np.zeros(len(first), dtype=np.float32)))

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """A step for every liking."""
        # Here, in the task: numba takes a second to load, and the driver makes no steps.
        from toplists.engine.kernels.pair_steps import PairStep, descend_pairs

        step = PairStep(self.learning_rate, self.regularization, self.by_popularity)
        return descend_pairs(cell.rows, users, items, cell.learnt, step, seed)

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """The bias within the vectors of items, which those of users have a 1 for."""
        if side == "items":
            return rows.state
        return np.column_stack((rows.state, np.ones(len(rows.state), dtype=np.float32)))


class Bpr(FromSettings[BprSettings]):
    """Vectors that put what a user liked before what the user did not; every liking counts alike."""

    name = "bpr"

    def __init__(self, settings: BprSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on the likings of the part.

        Raises:
            InputRefusedError: there are none.
            ConfigurationError: the learning rate is too high.
        """
        if data.size == 0:
            raise InputRefusedError(nothing_to_learn("implicit", data.part, self.name))
        settings = self._settings
        gradient = PairGradient(
            settings.rank,
            settings.learning_rate,
            settings.regularization,
            settings.negatives == "popular",
            settings.start_deviation,
            data.seed,
            data.part,
        )
        return fit_by_descent(data, gradient, settings.epochs, self._single_task_entries)


BPR = Definition(
    name="bpr",
    summary="Vectors that put what a user liked before other items, by a step after each liking.",
    shape=Factors,
    feedback="likings",
    memory=(
        "4 bytes x rank x users and items of a cell of about 1 M interactions, and "
        "40 bytes x the root of 1 M x interactions, those of its users"
    ),
    time="epochs x interactions x rank",
    reference=(
        "Rendle, Freudenthaler, Gantner and Schmidt-Thieme, BPR: Bayesian personalized ranking from "
        "implicit feedback, UAI 2009"
    ),
    make=lambda given: Bpr(given.model.bpr, given.engine.single_task_entries),
    space=lambda _: Space(
        {
            "regularization": LogRange(0.001, 0.1),
            "learning_rate": LogRange(0.005, 0.05),
            "epochs": LogRange(20, 200),
            "rank": Choices((16, 32, 64, 96, 128)),
            "negatives": Choices(("uniform", "popular")),
        }
    ),
    lengths=lambda settings: (0, settings.bpr.rank + 1),
)
"""See `Bpr`."""
