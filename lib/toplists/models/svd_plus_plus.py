"""SVD++ (Koren 2008): matrix factorization that also learns from which items were rated at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from toplists.engine.blocks import Rows, Side
from toplists.engine.cells import Cell, Ended
from toplists.engine.kernels.entries import Entries
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.svd import Floats, RatingGradient, Svd, svd_space


@dataclass(frozen=True)
class FeedbackGradient(RatingGradient):
    """As its parent, but a user's vector is p + Σ_j y_j / √n over the n items j that the user rated.

    A state of items has behind the bias also their y.
    """

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """Normal draws by the hash of the external id, and no bias."""
        first = super().start(side, ids)
        if side == "users":
            return first
        return np.concatenate((first, self.draws(ids, side, "feedback")), axis=1)

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """A step for every rating."""
        # Here, in the task: numba takes a second to load, and the driver makes no steps.
        from toplists.engine.kernels.rating_steps import Step, descend_with_feedback

        step = Step(self.mean, self.learning_rate, self.regularization)
        counts = np.diff(cell.rows.indptr) + np.diff(cell.others.indptr)
        others = np.zeros((len(users), self.rank), dtype=np.float32)
        if len(cell.others.indices):
            others = self._feedback(cell.others, cell.read_items(), counts)
        return descend_with_feedback(cell.rows, counts, others, users, items, step, seed)

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """The biases, and what users rated at all, within the vectors."""
        vectors = super().vectors(side, rows)
        if side == "users":
            counts = np.diff(rows.learnt.indptr)
            vectors[:, : self.rank] += self._feedback(rows.learnt, rows.read_items(), counts)
        return vectors

    def _feedback(
        self, rows: Entries | Rows, items: Floats, counts: npt.NDArray[np.int64]
    ) -> Floats:
        """Σ_j y_j / √n over the columns j of each row: float32[rows, rank]."""
        ones = np.ones(len(rows.indices), dtype=np.float32)
        shape = (len(counts), len(items))
        matrix = sp.csr_array((ones, rows.indices, rows.indptr), shape=shape)
        sums: Floats = matrix @ np.ascontiguousarray(items[:, self.rank + 1 :])
        roots = np.sqrt(np.maximum(counts, 1)).astype(np.float32)
        return sums / roots[:, np.newaxis]


class SvdPlusPlus(Svd):
    """Values as those of `Svd`, with an offset of the user's vector for every item that was rated."""

    name = "svd_plus_plus"
    gradient = FeedbackGradient


SVD_PLUS_PLUS = Definition(
    name="svd_plus_plus",
    summary="Predicts values by biases and vectors, those of users also by what they rated at all.",
    shape=Factors,
    feedback="values",
    memory=(
        "4 bytes x rank x (users of a cell of about 1 M interactions + 2 x items), "
        "and 40 bytes x the root of 1 M x interactions, those of its users"
    ),
    time="epochs x interactions x rank; in n x n cells n / 4 times as long again",
    reference=(
        "Koren, Factorization meets the neighborhood: a multifaceted collaborative filtering model, KDD 2008"
    ),
    make=lambda given: SvdPlusPlus(given.model.svd_plus_plus, given.engine.single_task_entries),
    space=lambda _: svd_space(100),
    lengths=lambda settings: (0, settings.svd_plus_plus.rank + 2),
)
"""See `SvdPlusPlus`."""
