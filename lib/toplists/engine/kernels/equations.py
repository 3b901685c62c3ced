"""The least squares of the rows of a block: what models set up and `least_squares` solves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Equations(NamedTuple):
    """Rows, each with least squares of its own over the features of a fixed side.

    `indptr` int64[rows + 1] says where each row's entries begin and end, `indices` int32[entries] whose
    features an entry refers to. `curvature` float32[entries], not negative, and `pull` float32[entries]
    weigh them; `ridge` float64[rows], above 0, is the penalty.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    curvature: Floats
    pull: Floats
    ridge: npt.NDArray[np.float64]
