"""Sums along both sides of a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.weight_sums import Sparse

Doubles: TypeAlias = npt.NDArray[np.float64]


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
