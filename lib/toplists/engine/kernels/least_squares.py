"""Regularized least squares, row by row: the arithmetic of half an alternation.

Every row has its own normal equations over the features `z` of its entries,

    (diag(base + ridge_r) + Σ_j curvature_j z_j z_jᵀ) x_r = Σ_j pull_j z_j,

which is implicit ALS (Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback
datasets", 2008) once the features are turned to the eigenbasis of their Gram matrix, so that the part
all rows share is diagonal; and explicit ALS (Zhou et al., "Large-scale parallel collaborative filtering
for the Netflix prize", 2008) with a base of zero.

A row's result depends on its own entries alone: neither on the rows beside it nor on how rows are cut
into blocks. `conjugate_gradients` solves the same equations approximately.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toplists.engine.kernels.equations import (
    LONG,
    Doubles,
    Equations,
    Floats,
    Solved,
    frozen_rows,
)
from toplists.engine.kernels.exact_rows import solve_rows
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.long_rows import Sums, solve_in_doubles, sum_entries


def solve_exactly(
    rows: Equations,
    features: Floats,
    base: Doubles,
    long_rows: Mapping[int, Sums] | None = None,
    longest: int = LONG,
) -> Solved:
    """Solve every row's equations by a Cholesky factorization.

    A row with fewer entries than features needs only a system of its entries (the Woodbury identity:
    Hager, "Updating the inverse of a matrix", 1989). Arithmetic is float32; a row for which that is
    not enough is solved again in float64.

    Args:
        rows: The rows.
        features: float32[n, k].
        base: float64[k], not negative.
        long_rows: The sums of rows with more than `longest` entries, where they are known already.
        longest: Longer rows are added up in spans, which may have been done elsewhere.
    """
    n_rows = len(rows.ridge)
    solved = np.zeros((n_rows, features.shape[1]), dtype=np.float32)
    losses, singular = np.zeros(n_rows), np.zeros(n_rows, dtype=np.bool_)
    floats = frozen(base.astype(np.float32))
    for row in solve_rows(frozen_rows(rows), frozen(features), floats, longest, solved, losses):
        sums = (long_rows or {}).get(row) or sum_entries(rows, features, row)
        diagonal = base + rows.ridge[row]
        solved[row], losses[row], singular[row] = solve_in_doubles(sums, diagonal)
    return Solved(solved, losses, singular)
