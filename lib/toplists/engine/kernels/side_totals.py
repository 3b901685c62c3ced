"""Sums along both sides of a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.weight_sums import Sparse

Doubles: TypeAlias = npt.NDArray[np.float64]

_PASSES = 10
_USER_PENALTY, _ITEM_PENALTY = 15.0, 10.0
"""Of biases, as in Koren 2010: few values say little of whom they are of."""


class Totals(NamedTuple):
    """Of each row, or each column, over everything in it: float64 `counts`, `sums`, `squares`."""

    counts: Doubles
    sums: Doubles
    squares: Doubles

    @property
    def means(self) -> Doubles:
        """Mean values; 0 where there are none."""
        return self.sums / np.maximum(self.counts, 1.0)

    @property
    def norms(self) -> Doubles:
        """Euclidean norms."""
        return np.sqrt(self.squares)


def side_totals(columns: Sequence[tuple[int, Sparse]], n_rows: int) -> tuple[Totals, Totals]:
    """Totals of the rows and of the columns of a matrix, the same to the last bit however it is cut.

    Args:
        columns: The matrix by column, as `(position of the first column, columns by row)`, in order.
        n_rows: Number of its rows.
    """
    n_columns = sum(len(block.indptr) - 1 for _, block in columns)
    rows, others = _no_totals(n_rows), _no_totals(n_columns)
    for first, block in columns:
        _add(block.frozen(), first, rows, others)
    return rows, others


def _no_totals(size: int) -> Totals:
    return Totals(np.zeros(size), np.zeros(size), np.zeros(size))


@compiled
def _add(block: Sparse, first: int, rows: Totals, columns: Totals) -> None:
    for column in range(len(block.indptr) - 1):
        for entry in range(block.indptr[column], block.indptr[column + 1]):
            row, value = block.columns[entry], float(block.values[entry])
            square = value * value
            rows.counts[row] += 1.0
            rows.sums[row] += value
            rows.squares[row] += square
            columns.counts[first + column] += 1.0
            columns.sums[first + column] += value
            columns.squares[first + column] += square


class Offsets(NamedTuple):
    """What is expected of every value: `mean` + float64 `rows` + float64 `columns`."""

    mean: float
    rows: Doubles
    columns: Doubles


def baseline_offsets(
    columns: Sequence[tuple[int, Sparse]], n_rows: int, *, users_are_rows: bool
) -> Offsets:
    """The mean and how far users and items are from it, by alternating least squares, items first.

    Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", ACM TKDD 4, 2010,
    section 2.1.

    Args:
        columns: The matrix by column, as of `side_totals`.
        n_rows: Number of its rows.
        users_are_rows: Whether rows are users, and columns items, or the other way round.
    """
    rows, others = side_totals(columns, n_rows)
    mean = float(rows.sums.sum() / max(1.0, rows.counts.sum()))
    found = Offsets(mean, np.zeros(n_rows), np.zeros(len(others.counts)))
    blocks = [(first, block.frozen()) for first, block in columns]
    by_row, by_column = (found.rows, rows), (found.columns, others)
    items, users = (by_column, by_row) if users_are_rows else (by_row, by_column)
    for _ in range(_PASSES):
        for (side, totals), penalty in ((items, _ITEM_PENALTY), (users, _USER_PENALTY)):
            left = totals.sums - mean * totals.counts
            for first, block in blocks:
                _subtract(block, first, found.rows, found.columns, left, side is found.rows)
            side[:] = left / (totals.counts + penalty)
    return found


@compiled
def _subtract(
    block: Sparse, first: int, rows: Doubles, columns: Doubles, left: Doubles, of_rows: bool
) -> None:
    """Take away from what is left of each row what its columns explain, or the other way round."""
    for column in range(len(block.indptr) - 1):
        for entry in range(block.indptr[column], block.indptr[column + 1]):
            row = block.columns[entry]
            if of_rows:
                left[row] -= columns[first + column]
            else:
                left[first + column] -= rows[row]
