"""Regularized least squares by a few steps of conjugate gradients per row, from where it stood.

Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback
collaborative filtering", 2011. The equations are those of `least_squares`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import inlined, summing
from toplists.engine.kernels.equations import (
    LONG,
    Doubles,
    Equations,
    Floats,
    Solved,
    frozen_rows,
)
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.long_rows import Sums, solve_in_doubles, sum_entries
from toplists.engine.kernels.prefetch import AHEAD, LINE, ask_for


def descend(
    rows: Equations,
    features: Floats,
    base: Doubles,
    start: Floats,
    steps: int,
    long_rows: Mapping[int, Sums] | None = None,
    longest: int = LONG,
) -> Solved:
    """Improve every row's solution; one with more than `longest` entries is solved exactly.

    Args:
        rows: The rows.
        features: float32[n, k].
        base: float64[k], not negative.
        start: float32[rows, k], the solutions to begin with.
        steps: How many steps to take.
        long_rows: The sums of rows with more than `longest` entries, where they are known already.
        longest: Longer rows are added up in spans, which may have been done elsewhere.
    """
    solved = np.array(start, dtype=np.float32)
    losses, singular = np.zeros(len(solved)), np.zeros(len(solved), dtype=np.bool_)
    floats = frozen(base.astype(np.float32))
    _descend_rows(frozen_rows(rows), frozen(features), floats, steps, longest, solved, losses)
    for row in np.flatnonzero(np.diff(rows.indptr) > longest).tolist():
        sums = (long_rows or {}).get(row) or sum_entries(rows, features, row)
        diagonal = base + rows.ridge[row]
        solved[row], losses[row], singular[row] = solve_in_doubles(sums, diagonal)
    return Solved(solved, losses, singular)


@summing
def _descend_rows(
    rows: Equations,
    features: Floats,
    base: Floats,
    steps: int,
    longest: int,
    solved: Floats,
    losses: Doubles,
) -> None:
    """Improve `solved` and fill `losses`, but for rows longer than `longest`."""
    k = features.shape[1]
    indptr = rows.indptr
    x, diagonal = np.empty(k, dtype=np.float32), np.empty(k, dtype=np.float32)
    residual, direction = np.empty(k, dtype=np.float32), np.empty(k, dtype=np.float32)
    image = np.empty(k, dtype=np.float32)
    for row in range(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        if first == last:
            solved[row, :] = 0
            continue
        if last - first > longest:
            continue
        loss = 0.0
        for p in range(k):
            x[p] = solved[row, p]
            diagonal[p] = base[p] + np.float32(rows.ridge[row])
            residual[p] = -diagonal[p] * x[p]
            loss -= np.float64(residual[p]) * x[p]
        loss -= _add_forces(rows, features, first, last, x, np.float32(1), residual)
        for entry in range(first, last):
            pull = np.float64(rows.pull[entry])
            loss += pull * pull / (rows.curvature[entry] + rows.shared)
        direction[:] = residual
        size = _product(residual, residual)
        for _ in range(steps):
            if not size > np.float32(1e-20):
                break
            for p in range(k):
                image[p] = -diagonal[p] * direction[p]
            _add_forces(rows, features, first, last, direction, np.float32(0), image)
            along = -_product(direction, image)
            if not along > np.float32(0):
                break
            length = size / along
            loss -= np.float64(length) * size
            for p in range(k):
                x[p] += length * direction[p]
                residual[p] += length * image[p]
            before, size = size, _product(residual, residual)
            for p in range(k):
                direction[p] = residual[p] + size / before * direction[p]
        solved[row, :] = x
        losses[row] = loss


@summing
def _add_forces(
    rows: Equations,
    features: Floats,
    first: int,
    last: int,
    x: Floats,
    pulled: np.float32,
    target: Floats,
) -> float:
    """Add `Σ_j force_j z_j` to `target`, where `force_j = pulled pull_j - curvature_j z_j·x`.

    Returned is `Σ_j (pulled pull_j + force_j) z_j·x`. Four entries go at a time: their sums do not wait
    for one another, and the target is loaded and stored once for all of them.
    """
    k = len(x)
    indices, curvature, pull = rows.indices, rows.curvature, rows.pull
    total = 0.0
    entry = first
    while entry + 4 <= last:
        _fetch(features, indices, entry)
        a, b, c, d = indices[entry], indices[entry + 1], indices[entry + 2], indices[entry + 3]
        at, bt, ct, dt = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for p in range(k):
            at += features[a, p] * x[p]
            bt += features[b, p] * x[p]
            ct += features[c, p] * x[p]
            dt += features[d, p] * x[p]
        fa = pulled * pull[entry] - curvature[entry] * at
        fb = pulled * pull[entry + 1] - curvature[entry + 1] * bt
        fc = pulled * pull[entry + 2] - curvature[entry + 2] * ct
        fd = pulled * pull[entry + 3] - curvature[entry + 3] * dt
        for p in range(k):
            target[p] += (
                fa * features[a, p]
                + fb * features[b, p]
                + fc * features[c, p]
                + fd * features[d, p]
            )
        total += (
            np.float64(pulled * pull[entry] + fa) * at
            + np.float64(pulled * pull[entry + 1] + fb) * bt
            + np.float64(pulled * pull[entry + 2] + fc) * ct
            + np.float64(pulled * pull[entry + 3] + fd) * dt
        )
        entry += 4
    while entry < last:
        a = indices[entry]
        at = np.float32(0)
        for p in range(k):
            at += features[a, p] * x[p]
        fa = pulled * pull[entry] - curvature[entry] * at
        for p in range(k):
            target[p] += fa * features[a, p]
        total += np.float64(pulled * pull[entry] + fa) * at
        entry += 1
    return total


@inlined
def _fetch(features: Floats, indices: npt.NDArray[np.int32], entry: int) -> None:
    """Ask for what four entries refer to, a few entries ahead, be it in a later row."""
    if entry + AHEAD + 4 <= len(indices):
        for later in range(entry + AHEAD, entry + AHEAD + 4):
            for p in range(0, features.shape[1], LINE):
                ask_for(features, indices[later], p)


@inlined
def _product(one: Floats, other: Floats) -> np.float32:
    total = np.float32(0)
    for p in range(len(one)):
        total += one[p] * other[p]
    return total
