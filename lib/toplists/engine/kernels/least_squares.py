"""Regularized least squares, row by row: the half of an alternation that is compiled.

Every row has its own normal equations over the features `z` of its entries,

    (diag(base + ridge_r) + Σ_j curvature_j z_j z_jᵀ) x_r = Σ_j pull_j z_j,

which is implicit ALS (Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback
datasets", 2008) once the features are turned to the eigenbasis of their Gram matrix, so that the part
all rows share is diagonal; and explicit ALS (Zhou et al., "Large-scale parallel collaborative filtering
for the Netflix prize", 2008) with a base of zero.

A row's result depends on its own entries alone: neither on the rows beside it nor on how rows are cut
into blocks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from toplists.engine.kernels.equations import Equations, Floats

# Sums may be reordered, which is what vectorizes them; NaN and infinity stay what they are.
_compiled = njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True)
_inlined = njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True, inline="always")


def solve_exactly(rows: Equations, features: Floats, base: npt.NDArray[np.float64]) -> Floats:
    """Solve every row's equations by a Cholesky factorization.

    A row with fewer entries than features needs only a system of its entries (the Woodbury identity:
    Hager, "Updating the inverse of a matrix", 1989). Arithmetic is float32; a row for which that is
    not enough is solved again in float64.

    Args:
        rows: The rows.
        features: float32[n, k].
        base: float64[k], not negative.

    Returns:
        float32[rows, k]; zeros for a row without entries.
    """
    solved = np.zeros((len(rows.ridge), features.shape[1]), dtype=np.float32)
    for row in _solve_rows(rows, features, base.astype(np.float32), solved):
        own = slice(rows.indptr[row], rows.indptr[row + 1])
        z = np.asarray(features[rows.indices[own]], dtype=np.float64)
        curvature, pull = (part[own].astype(np.float64) for part in (rows.curvature, rows.pull))
        matrix = np.diag(base + rows.ridge[row]) + (z.T * curvature) @ z
        solved[row] = np.linalg.solve(matrix, z.T @ pull)
    return solved


def descend(
    rows: Equations,
    features: Floats,
    base: npt.NDArray[np.float64],
    start: Floats,
    steps: int,
) -> Floats:
    """Improve every row's solution by conjugate gradients, from where it stood.

    Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback
    collaborative filtering", 2011.

    Args:
        rows: The rows.
        features: float32[n, k].
        base: float64[k], not negative.
        start: float32[rows, k], the solutions to begin with.
        steps: How many steps to take.

    Returns:
        float32[rows, k]; zeros for a row without entries.
    """
    solved = np.array(start, dtype=np.float32)
    _descend_rows(rows, features, base.astype(np.float32), solved, steps)
    return solved


@_compiled
def _solve_rows(rows: Equations, features: Floats, base: Floats, solved: Floats) -> list[int]:
    """Fill `solved`; the rows whose matrix was not positive definite in float32 are returned."""
    k = features.shape[1]
    indptr, indices, curvature = rows.indptr, rows.indices, rows.curvature
    failed = [0 for _ in range(0)]
    matrix = np.empty((k, k), dtype=np.float32)
    scaled = np.empty((k, k), dtype=np.float32)
    right = np.empty(k, dtype=np.float32)
    diagonal = np.empty(k, dtype=np.float32)
    for row in range(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        count = last - first
        if count == 0:
            continue
        right[:] = 0
        for entry in range(first, last):
            _add(right, rows.pull[entry], features, indices[entry])
        for p in range(k):
            diagonal[p] = base[p] + np.float32(rows.ridge[row])
        if count < k:
            done = _solve_by_entries(
                first, count, indices, curvature, features, diagonal, right, scaled, matrix
            )
        else:
            done = _solve_by_features(
                first, last, indices, curvature, features, diagonal, right, matrix
            )
        if done:
            solved[row, :] = right
        else:
            failed.append(row)
    return failed


@_inlined
def _add(target: Floats, factor: np.float32, features: Floats, index: int) -> None:
    for p in range(len(target)):
        target[p] += factor * features[index, p]


@_compiled
def _solve_by_features(
    first: int,
    last: int,
    indices: npt.NDArray[np.int32],
    curvature: Floats,
    features: Floats,
    diagonal: Floats,
    right: Floats,
    matrix: Floats,
) -> bool:
    """Solve for `right`, in place, a system as large as the rank."""
    k = len(right)
    for p in range(k):
        matrix[p, : p + 1] = 0
        matrix[p, p] = diagonal[p]
    entry = first
    # Four entries at a time: a cell of the matrix is loaded and stored once for all of them.
    while entry + 4 <= last:
        a, b, c, d = indices[entry], indices[entry + 1], indices[entry + 2], indices[entry + 3]
        for p in range(k):
            at = curvature[entry] * features[a, p]
            bt = curvature[entry + 1] * features[b, p]
            ct = curvature[entry + 2] * features[c, p]
            dt = curvature[entry + 3] * features[d, p]
            for q in range(p + 1):
                matrix[p, q] += (
                    at * features[a, q]
                    + bt * features[b, q]
                    + ct * features[c, q]
                    + dt * features[d, q]
                )
        entry += 4
    while entry < last:
        a = indices[entry]
        for p in range(k):
            at = curvature[entry] * features[a, p]
            for q in range(p + 1):
                matrix[p, q] += at * features[a, q]
        entry += 1
    return _factorize(matrix, k) and _substitute(matrix, right, k)


@_compiled
def _solve_by_entries(
    first: int,
    count: int,
    indices: npt.NDArray[np.int32],
    curvature: Floats,
    features: Floats,
    diagonal: Floats,
    right: Floats,
    scaled: Floats,
    matrix: Floats,
) -> bool:
    """Solve for `right`, in place, a system as large as the number of entries.

    With D the diagonal and S the entries' features times the roots of their curvatures,
    (D + SᵀS)⁻¹ r = D⁻¹ (r - Sᵀ (I + S D⁻¹ Sᵀ)⁻¹ S D⁻¹ r).
    """
    k = len(right)
    projected = np.empty(count, dtype=np.float32)
    root = np.empty(k, dtype=np.float32)
    for p in range(k):
        root[p] = np.float32(1) / np.sqrt(diagonal[p])
        right[p] *= root[p]
    for i in range(count):
        index = indices[first + i]
        weight = np.sqrt(curvature[first + i])
        total = np.float32(0)
        for p in range(k):
            value = weight * features[index, p] * root[p]
            scaled[i, p] = value
            total += value * right[p]
        projected[i] = total
    for i in range(count):
        for j in range(i + 1):
            dot = np.float32(0)
            for p in range(k):
                dot += scaled[i, p] * scaled[j, p]
            matrix[i, j] = dot
        matrix[i, i] += np.float32(1)
    if not (_factorize(matrix, count) and _substitute(matrix, projected, count)):
        return False
    for i in range(count):
        _add(right, -projected[i], scaled, i)
    for p in range(k):
        right[p] *= root[p]
    return bool(np.isfinite(right.sum()))


@_compiled
def _factorize(matrix: Floats, size: int) -> bool:
    """Cholesky: the lower triangle of a positive definite matrix is replaced by its root."""
    for i in range(size):
        for j in range(i):
            dot = np.float32(0)
            for p in range(j):
                dot += matrix[i, p] * matrix[j, p]
            matrix[i, j] = (matrix[i, j] - dot) * matrix[j, j]
        dot = np.float32(0)
        for p in range(i):
            dot += matrix[i, p] * matrix[i, p]
        pivot = matrix[i, i] - dot
        if not pivot > np.float32(0):
            return False
        # The reciprocal is what both loops that follow need.
        matrix[i, i] = np.float32(1) / np.sqrt(pivot)
    return True


@_compiled
def _substitute(matrix: Floats, right: Floats, size: int) -> bool:
    """Solve by the root that `_factorize` left, in place; False if a result is not finite."""
    for i in range(size):
        dot = np.float32(0)
        for p in range(i):
            dot += matrix[i, p] * right[p]
        right[i] = (right[i] - dot) * matrix[i, i]
    for i in range(size - 1, -1, -1):
        right[i] *= matrix[i, i]
        for p in range(i):
            right[p] -= matrix[i, p] * right[i]
    total = np.float32(0)
    for i in range(size):
        total += right[i]
    return bool(np.isfinite(total))


@_compiled
def _descend_rows(
    rows: Equations, features: Floats, base: Floats, solved: Floats, steps: int
) -> None:
    k = features.shape[1]
    indptr, indices, curvature = rows.indptr, rows.indices, rows.curvature
    residual = np.empty(k, dtype=np.float32)
    direction = np.empty(k, dtype=np.float32)
    image = np.empty(k, dtype=np.float32)
    for row in range(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        if first == last:
            solved[row, :] = 0
            continue
        penalty = np.float32(rows.ridge[row])
        x = solved[row]
        for p in range(k):
            residual[p] = -(base[p] + penalty) * x[p]
        for entry in range(first, last):
            index = indices[entry]
            dot = np.float32(0)
            for p in range(k):
                dot += features[index, p] * x[p]
            _add(residual, rows.pull[entry] - curvature[entry] * dot, features, index)
        direction[:] = residual
        size = _square(residual)
        for _ in range(steps):
            if not size > np.float32(1e-20):
                break
            for p in range(k):
                image[p] = (base[p] + penalty) * direction[p]
            for entry in range(first, last):
                index = indices[entry]
                dot = np.float32(0)
                for p in range(k):
                    dot += features[index, p] * direction[p]
                _add(image, curvature[entry] * dot, features, index)
            along = np.float32(0)
            for p in range(k):
                along += direction[p] * image[p]
            length = size / along
            for p in range(k):
                x[p] += length * direction[p]
                residual[p] -= length * image[p]
            before, size = size, _square(residual)
            for p in range(k):
                direction[p] = residual[p] + size / before * direction[p]


@_inlined
def _square(vector: Floats) -> np.float32:
    total = np.float32(0)
    for p in range(len(vector)):
        total += vector[p] * vector[p]
    return total
