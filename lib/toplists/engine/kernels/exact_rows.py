"""The compiled half of `least_squares`: rows added up and solved in float32.

The matrix of a row is a BLAS product over the features of its entries, which are gathered first, in
chunks that stay in cache.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg  # noqa: F401  (np.dot is its BLAS in compiled code; it must be there to be limited to one thread)

from toplists.engine.kernels.compiling import summing
from toplists.engine.kernels.equations import Doubles, Equations, Floats
from toplists.engine.kernels.prefetch import AHEAD, LINE, ask_for

_SMALL_PRODUCT = 900_000
"""Multiplications of a product for which OpenBLAS still takes its kernels for small matrices."""

_LEAST_PIVOT = np.float32(2e-6)
"""A pivot that is a smaller share of its diagonal is rounding error in float32."""


@summing
def solve_rows(
    rows: Equations,
    features: Floats,
    base: Floats,
    longest: int,
    solved: Floats,
    losses: Doubles,
) -> list[int]:
    """Fill `solved` and `losses`.

    Returned are the rows that are left: those longer than `longest`, and those whose matrix was not
    positive definite in float32.
    """
    k = features.shape[1]
    indptr = rows.indptr
    left = [0 for _ in range(0)]
    scaled = np.empty((_chunk_size(k), k), dtype=np.float32)
    matrix = np.empty((k, k), dtype=np.float32)
    pulled = np.empty(k, dtype=np.float32)
    right = np.empty(k, dtype=np.float32)
    diagonal = np.empty(k, dtype=np.float32)
    for row in range(len(indptr) - 1):
        first, last = indptr[row], indptr[row + 1]
        if first == last:
            continue
        if last - first > longest:
            left.append(row)
            continue
        for p in range(k):
            diagonal[p] = base[p] + np.float32(rows.ridge[row])
        if last - first < k and rows.curvature[first:last].min() > np.float32(0):
            pulled[:] = 0
            loss = _gather(rows, features, first, last - first, scaled, pulled)
            done = _solve_by_entries(rows, first, scaled[: last - first], diagonal, right)
        else:
            loss = add_up(rows, features, first, last, scaled, matrix, pulled)
            for p in range(k):
                matrix[p, p] += diagonal[p]
            right[:] = pulled
            done = _factorize(matrix, k) and _substitute(matrix, right, k)
        if not done:
            left.append(row)
            continue
        for p in range(k):
            solved[row, p] = right[p]
            loss -= np.float64(right[p]) * pulled[p]
        losses[row] = loss
    return left


@summing
def _chunk_size(k: int) -> int:
    """Entries that are gathered at a time; at least as many as a row solved by its entries has."""
    return max(k, 32, _SMALL_PRODUCT // (k * k))


@summing
def add_up(
    rows: Equations,
    features: Floats,
    first: int,
    last: int,
    scaled: Floats,
    matrix: Floats,
    pulled: Floats,
) -> float:
    """Fill the matrix and right side of some entries of a row; returns their constant loss.

    `scaled` float32[chunk, k] is scratch.
    """
    k = features.shape[1]
    product = np.empty((k, k), dtype=np.float32)
    matrix[:] = 0
    pulled[:] = 0
    loss = 0.0
    for start in range(first, last, len(scaled)):
        count = min(len(scaled), last - start)
        loss += _gather(rows, features, start, count, scaled, pulled)
        np.dot(scaled[:count].T, scaled[:count], product)
        for p in range(k):
            for q in range(k):
                matrix[p, q] += product[p, q]
    return loss


@summing
def _gather(
    rows: Equations, features: Floats, first: int, count: int, scaled: Floats, pulled: Floats
) -> float:
    """Fill `scaled` with features times the roots of their curvatures, and add to `pulled`.

    Returned is the constant loss.
    """
    k = features.shape[1]
    indices, curvature, pull = rows.indices, rows.curvature, rows.pull
    loss = 0.0
    for i in range(count):
        entry = first + i
        if entry + AHEAD < len(indices):
            for p in range(0, k, LINE):
                ask_for(features, indices[entry + AHEAD], p)
        index, force = indices[entry], pull[entry]
        root = np.sqrt(curvature[entry])
        for p in range(k):
            scaled[i, p] = root * features[index, p]
            pulled[p] += force * features[index, p]
        loss += np.float64(force) * force / (curvature[entry] + rows.shared)
    return loss


@summing
def _solve_by_entries(
    rows: Equations, first: int, scaled: Floats, diagonal: Floats, solution: Floats
) -> bool:
    """Fill `solution`, by a system as large as the number of entries.

    With D the diagonal, S the entries' features times the roots of their curvatures, and y their pulls
    by those roots, (D + SᵀS)⁻¹ Sᵀy = D⁻¹ Sᵀ (I + S D⁻¹ Sᵀ)⁻¹ y (the push-through identity: Henderson and
    Searle, "On deriving the inverse of a sum of matrices", 1981). Nothing cancels, however small D is.
    """
    count, k = scaled.shape
    root = np.empty(k, dtype=np.float32)
    for p in range(k):
        if not diagonal[p] > np.float32(0):
            return False
        root[p] = np.float32(1) / np.sqrt(diagonal[p])
    target = np.empty(count, dtype=np.float32)
    for i in range(count):
        target[i] = rows.pull[first + i] / np.sqrt(rows.curvature[first + i])
        for p in range(k):
            scaled[i, p] *= root[p]
    matrix = np.dot(scaled, scaled.T)
    for i in range(count):
        matrix[i, i] += np.float32(1)
    if not (_factorize(matrix, count) and _substitute(matrix, target, count)):
        return False
    solution[:] = 0
    for i in range(count):
        for p in range(k):
            solution[p] += target[i] * scaled[i, p]
    for p in range(k):
        solution[p] *= root[p]
    return bool(np.isfinite(solution.sum()))


@summing
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
        if not pivot > _LEAST_PIVOT * matrix[i, i]:
            return False
        # The reciprocal is what both loops that follow need.
        matrix[i, i] = np.float32(1) / np.sqrt(pivot)
    return True


@summing
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
