"""The least squares of the rows of a block: what models set up and `least_squares` solves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.frozen import frozen

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

LONG = 1 << 18
"""A row with more entries than this is added up in spans, which may be tasks of their own."""

SPAN = 1 << 20
"""Entries of a span. Spans begin at fixed entries of their row, wherever they are added up."""


class Equations(NamedTuple):
    """Rows, each with least squares of its own over the features `z` of a fixed side.

    A row's loss is, summed over all rows of the fixed side,

        Σ_j (curvature_j + shared) (t_j - x·z_j)² + shared Σ_(all others) (x·z)² + ridge |x|²

    where `pull_j = (curvature_j + shared) t_j`.

    `indptr` int64[rows + 1] says where each row's entries begin and end, `indices` int32[entries] whose
    features an entry refers to. `curvature` and `pull` are float32[entries], `ridge` float64[rows] is
    the penalty, not negative; `shared` the weight of what all rows have in common.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    curvature: Floats
    pull: Floats
    ridge: Doubles
    shared: float


def frozen_rows(rows: Equations) -> Equations:
    """The same rows, read-only."""
    return Equations(
        frozen(rows.indptr),
        frozen(rows.indices),
        frozen(rows.curvature),
        frozen(rows.pull),
        frozen(rows.ridge),
        rows.shared,
    )


class Solved(NamedTuple):
    """What came out of a block's equations.

    `rows` float32[rows, k], zeros for a row without entries; `losses` float64[rows], each row's loss;
    `singular` bool[rows], whose equations had no unique solution: the smallest was taken.
    """

    rows: Floats
    losses: Doubles
    singular: npt.NDArray[np.bool_]
