"""Regularized least squares without negative numbers: a multiplicative step per row, from where it stood.

Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS 2001, with the penalty in the
denominator. Each number of a row's solution is multiplied by the pull towards larger ones over that towards
smaller ones,

    x_f ← x_f (Σ_j pull_j z_jf) / (Σ_j curvature_j z_jf z_j·x + ridge x_f),

which never raises the loss, and leaves what is not negative as it is. The equations are those of
`least_squares`; pulls and features are not negative, and there is nothing that all rows share.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toplists.engine.kernels.compiling import summing
from toplists.engine.kernels.equations import (
    LONG,
    Doubles,
    Equations,
    Floats,
    Solved,
    frozen_rows,
)
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.long_rows import Sums, sum_entries


def multiply(
    rows: Equations,
    features: Floats,
    start: Floats,
    long_rows: Mapping[int, Sums] | None = None,
    longest: int = LONG,
) -> Solved:
    """Improve every row's solution by one step.

    Args:
        rows: The rows.
        features: float32[n, k].
        start: float32[rows, k], the solutions to begin with; ones for a row of zeros.
        long_rows: The sums of rows with more than `longest` entries, where they are known already.
        longest: Longer rows are added up in spans, which may have been done elsewhere.
    """
    solved = np.array(start, dtype=np.float32)
    lengths = np.diff(rows.indptr)
    solved[~solved.any(axis=1)] = 1
    solved[lengths == 0] = 0
    losses = np.zeros(len(solved))
    _multiply_rows(frozen_rows(rows), frozen(features), longest, solved, losses)
    for row in np.flatnonzero(lengths > longest).tolist():
        sums = (long_rows or {}).get(row) or sum_entries(rows, features, row)
        ridge, x = rows.ridge[row], solved[row].astype(np.float64)
        down = sums.matrix @ x + ridge * x
        x = np.divide(x * sums.pulled, down, out=np.zeros_like(x), where=down > 0)
        solved[row] = x
        losses[row] = sums.constant - 2 * x @ sums.pulled + x @ sums.matrix @ x + ridge * x @ x
    return Solved(solved, losses, np.zeros(len(solved), dtype=np.bool_))


@summing
def _multiply_rows(
    rows: Equations, features: Floats, longest: int, solved: Floats, losses: Doubles
) -> None:
    """Improve `solved` and fill `losses`, but for rows longer than `longest`."""
    k = features.shape[1]
    up, down = np.empty(k), np.empty(k)
    for row in range(len(rows.indptr) - 1):
        first, last = rows.indptr[row], rows.indptr[row + 1]
        if first == last or last - first > longest:
            continue
        up[:] = 0
        for p in range(k):
            down[p] = rows.ridge[row] * solved[row, p]
        for entry in range(first, last):
            index = rows.indices[entry]
            score = np.float32(0)
            for p in range(k):
                score += features[index, p] * solved[row, p]
            forth, back = rows.pull[entry], rows.curvature[entry] * score
            for p in range(k):
                up[p] += forth * features[index, p]
                down[p] += back * features[index, p]
        loss = 0.0
        for p in range(k):
            x = solved[row, p] * up[p] / down[p] if down[p] > 0 else 0.0
            solved[row, p] = x
            loss += rows.ridge[row] * x * x
        for entry in range(first, last):
            index = rows.indices[entry]
            score = np.float32(0)
            for p in range(k):
                score += features[index, p] * solved[row, p]
            error = np.float64(rows.pull[entry]) / rows.curvature[entry] - score
            loss += rows.curvature[entry] * error * error
        losses[row] = loss
