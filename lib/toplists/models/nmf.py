"""Non-negative matrix factorization of ratings (Lee and Seung 2001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toplists.config.model_sgd import NmfSettings
from toplists.engine.alternation import Alternation, alternate
from toplists.engine.blocks import Block, Lesson, Part, Rows
from toplists.engine.kernels.draws import hash_ids, random_normals
from toplists.engine.kernels.equations import Equations
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Space

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NonNegative:
    """Value = product of vectors without negative numbers; the penalty counts for each value."""

    biases: ClassVar[None] = None
    shared_weight: ClassVar[float] = 0.0
    lesson: ClassVar[Lesson] = "rated"
    rank: int
    regularization: float
    seed: int
    part: Part

    def start(self, block: Block) -> Floats:
        """Draws that are not negative, by the hash of the item's id."""
        draws = random_normals(hash_ids(block.ids.to_pylist()), self.rank, self.seed)
        first: Floats = np.abs(draws).astype(np.float32)
        return first

    def equations(self, rows: Rows, offsets: Floats) -> Equations:
        """Of each row's values."""
        weights = np.ones_like(rows.data) if rows.weights is None else rows.weights
        left = np.maximum(rows.data - offsets[rows.indices], np.float32(0))
        ridge = self.regularization * np.diff(rows.indptr).astype(np.float64)
        return Equations(rows.indptr, rows.indices, weights, weights * left, ridge, 0.0)


class Nmf(FromSettings[NmfSettings]):
    """Values as products of vectors without negative numbers, whose parts add up and never cancel out."""

    name = "nmf"
    learns_values = True

    def __init__(self, settings: NmfSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on all values of the part; one below 0 is taken for 0.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        data.rated_values(self.name)
        settings = self._settings
        objective = NonNegative(settings.rank, settings.regularization, data.seed, data.part)
        fit = Alternation(
            blocks={"users": data.users, "items": data.items},
            objective=objective,
            solver="multiplicative",
            iterations=settings.iterations,
            over_relaxation=False,  # beyond a solution there may be negative numbers
        )
        fitted = alternate(data.spark, fit, data.folder, self._single_task_entries)
        return Fitted(fitted.factors, {"objective": list(fitted.objective)})


NMF = Definition(
    name="nmf",
    summary="Predicts values by vectors without negative numbers, whose factors are easy to read.",
    shape=Factors,
    feedback="values",
    memory="4 bytes x rank x the larger side, once per executor, and a block",
    time="iterations x interactions x rank",
    reference="Lee and Seung, Algorithms for non-negative matrix factorization, NIPS 2001",
    make=lambda given: Nmf(given.model.nmf, given.engine.single_task_entries),
    space=lambda _: Space(
        {
            "regularization": LogRange(0.01, 0.5),
            "rank": Choices((4, 8, 12, 16, 24, 32, 48)),
            "iterations": LogRange(5, 100),
        }
    ),
    lengths=lambda settings: (settings.nmf.rank, settings.nmf.rank),
)
"""See `Nmf`."""
