"""Biases inside vectors, so that a prediction stays one product.

Users are stored as (x, bias, 1), items as (y, 1, mean + bias): the product of the stored vectors is
mean + bias of the user + bias of the item + x·y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import Side, other_side

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Biases:
    """Where biases stand in stored vectors of `dimensions` + 2, and the `mean` that items carry."""

    dimensions: int
    mean: float

    def store(self, solved: Floats, side: Side) -> Floats:
        """The stored vectors of (vector, bias): float32[rows, dimensions + 1] → [.. + 2]."""
        one = np.ones((len(solved), 1), dtype=np.float32)
        vectors, biases = solved[:, :-1], solved[:, -1:]
        if side == "users":
            return np.concatenate((vectors, biases, one), axis=1)
        return np.concatenate((vectors, one, biases + np.float32(self.mean)), axis=1)

    def solved(self, stored: Floats, side: Side) -> Floats:
        """The inverse of `store`."""
        biases = stored[:, self._column(side)]
        if side == "items":
            biases = biases - np.float32(self.mean)
        return np.column_stack((stored[:, : self.dimensions], biases))

    def features(self, fixed: Floats, side: Side) -> Floats:
        """What `side` is fitted to: the fixed side's vectors, and the 1 that its own bias is times."""
        return np.delete(fixed, self._column(other_side(side)), axis=1)

    def offsets(self, fixed: Floats, side: Side) -> Floats:
        """What the fixed side predicts by itself for `side`: its bias and the mean."""
        offsets = fixed[:, self._column(other_side(side))]
        return offsets if side == "users" else offsets + np.float32(self.mean)

    def _column(self, side: Side) -> int:
        return self.dimensions if side == "users" else self.dimensions + 1
