"""Entries of rows with a number and a weight each, as steps of stochastic gradients take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.frozen import frozen


class Entries(NamedTuple):
    """Rows of sorted columns with a number each, which counts so much.

    `indptr` int64[rows + 1], `indices` int32[entries], `values` and `weights` float32[entries];
    `before` int32[entries], the column that came before in the row, or -1; `None` where nobody asks.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    before: npt.NDArray[np.int32] | None = None

    def frozen(self) -> Entries:
        """The same, read-only."""
        before = None if self.before is None else frozen(self.before)
        numbers = (frozen(self.values), frozen(self.weights))
        return Entries(frozen(self.indptr), frozen(self.indices), *numbers, before)

    def select(self, keep: npt.NDArray[np.bool_]) -> Entries:
        """Those that are wanted, of all rows."""
        before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
        chosen = (self.indices[keep], self.values[keep], self.weights[keep])
        earlier = None if self.before is None else self.before[keep]
        return Entries(before[self.indptr], *chosen, earlier)
