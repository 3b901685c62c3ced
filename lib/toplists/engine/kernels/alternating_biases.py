"""Biases of users and items by alternating least squares: each is a shrunk mean of what the others leave.

Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", ACM TKDD 4, 2010, section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.weight_sums import Sparse

Doubles: TypeAlias = npt.NDArray[np.float64]
Floats: TypeAlias = npt.NDArray[np.float32]

USER_PENALTY, ITEM_PENALTY, PASSES = 15.0, 10.0, 10
"""As usual: few values say little of whom they are of."""


class Shrinkage(NamedTuple):
    """What is added to the number of values of each row, and of each column; how often both are found."""

    rows: float
    columns: float
    passes: int


class Offsets(NamedTuple):
    """What is expected of every value: `mean` + float64 `rows` + float64 `columns`."""

    mean: float
    rows: Doubles
    columns: Doubles


def find_biases(
    columns: Sequence[tuple[int, Sparse]],
    n_rows: int,
    mean: float,
    shrinkage: Shrinkage,
    *,
    rows_first: bool,
    weights: Sequence[Floats | None] = (),
) -> Offsets:
    """How far rows and columns are from the mean, the same to the last bit however the matrix is cut.

    Args:
        columns: The matrix by column, as `(position of the first column, columns by row)`, in order.
        n_rows: Number of its rows.
        mean: Of its values.
        shrinkage: How cautious the biases are.
        rows_first: Whether those of rows are found before those of columns; items before users is usual.
        weights: How much the values of each block count; without it, or where it is `None`, 1.
    """
    n_columns = sum(len(block.indptr) - 1 for _, block in columns)
    found = Offsets(mean, np.zeros(n_rows), np.zeros(n_columns))
    blocks = [
        (first, block.frozen(), frozen(_no_weights() if own is None else own))
        for (first, block), own in zip(columns, weights or [None] * len(columns), strict=True)
    ]
    counts = np.zeros(n_rows), np.zeros(n_columns)
    for first, block, own in blocks:
        _count(block, own, first, *counts)
    sides = [
        (True, found.rows, counts[0], shrinkage.rows),
        (False, found.columns, counts[1], shrinkage.columns),
    ]
    for _ in range(shrinkage.passes):
        for of_rows, side, count, penalty in sides if rows_first else sides[::-1]:
            left = np.zeros(len(side))
            for first, block, own in blocks:
                _add_left(block, own, first, found, left, of_rows)
            np.divide(left, count + penalty, out=side, where=count > 0)
    return found


def _no_weights() -> Floats:
    return np.zeros(0, dtype=np.float32)


@compiled
def _count(block: Sparse, weights: Floats, first: int, rows: Doubles, columns: Doubles) -> None:
    """Add up how much the values of each row and of each column count."""
    for column in range(len(block.indptr) - 1):
        for entry in range(block.indptr[column], block.indptr[column + 1]):
            weight = float(weights[entry]) if len(weights) else 1.0
            rows[block.columns[entry]] += weight
            columns[first + column] += weight


@compiled
def _add_left(
    block: Sparse, weights: Floats, first: int, found: Offsets, left: Doubles, of_rows: bool
) -> None:
    """Add up, of each row, what its columns leave of its values, or the other way round."""
    for column in range(len(block.indptr) - 1):
        for entry in range(block.indptr[column], block.indptr[column + 1]):
            weight = float(weights[entry]) if len(weights) else 1.0
            row = block.columns[entry]
            value = float(block.values[entry]) - found.mean
            if of_rows:
                left[row] += weight * (value - found.columns[first + column])
            else:
                left[first + column] += weight * (value - found.rows[row])
