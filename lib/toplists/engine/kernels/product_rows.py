"""One row of a sparse matrix times all its rows: what of it is alike wherever a row is formed at a time.

Products are of single precision, as the values are, and summed in double precision in order of the columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.weight_sums import Sparse


def unsigned(matrix: Sparse) -> Sparse:
    """The same, read-only; compiled code looks at each sign of what it finds a place by, unless there is none."""
    return matrix._replace(columns=matrix.columns.view(np.uint32)).frozen()


@compiled
def sum_row(rows: Sparse, row: int, columns: Sparse, sums: npt.NDArray[np.float64]) -> None:
    """Add the products of a row to float64[rows of the matrix]; `columns` are the whole matrix by column."""
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        column, value = rows.columns[entry], rows.values[entry]
        for at in range(columns.indptr[column], columns.indptr[column + 1]):
            sums[columns.columns[at]] += value * columns.values[at]


@compiled
def empty_row(rows: Sparse, row: int, columns: Sparse, sums: npt.NDArray[np.float64]) -> None:
    """Put 0 wherever a row has added anything."""
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        column = rows.columns[entry]
        for at in range(columns.indptr[column], columns.indptr[column + 1]):
            sums[columns.columns[at]] = 0.0
