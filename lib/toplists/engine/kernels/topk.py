"""Selection of the best columns of each row of a tile of scores, under a total order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SCORE_DIGITS = 5
"""Significant digits of a score. MLlib sums in arrival order, so that its last digits differ from run
to run; rounding before the order is decided makes its lists the same."""

# Half a unit of the last significant digit is at most 5e-5 of the value; a little more is safe.
_MARGIN = 6e-5


def round_scores(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The scores rounded to `SCORE_DIGITS` significant digits; 0 stays 0."""
    exact = scores.astype(np.float64)
    magnitude = np.zeros_like(exact)
    np.log10(np.abs(exact), out=magnitude, where=exact != 0)
    scale = 10.0 ** (SCORE_DIGITS - 1 - np.floor(magnitude))
    rounded: npt.NDArray[np.float64] = np.round(exact * scale) / scale
    return rounded


def mask_rows(
    scores: npt.NDArray[np.float32],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
) -> None:
    """Set `scores[r, indices[indptr[r]:indptr[r + 1]]]` to -inf for every row r, in place."""
    lengths = np.diff(indptr)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    scores[rows, indices[indptr[0] : indptr[-1]]] = -np.inf


def top_k(
    scores: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The k best columns of each row by (rounded score descending, column ascending).

    Columns are in bytewise order of the item id, so ties go to the smaller id. The result does not
    depend on how rows are cut into tiles.

    Args:
        scores: float32[rows, columns]; -inf = not to be chosen, NaN = treated likewise.
        k: Length of the lists, at least 1.

    Returns:
        `(columns int32[rows, k], scores float64[rows, k])`, best first; where a row has fewer than k
        candidates the rest is -1 and NaN.
    """
    n_rows, n_columns = scores.shape
    if n_columns == 0:
        return _empty(n_rows, k)
    usable = np.where(np.isfinite(scores), scores, np.float32(-np.inf))
    kth = min(k, n_columns)
    edge = _loosen(np.partition(usable, n_columns - kth, axis=1)[:, n_columns - kth])
    row, column = np.nonzero((usable >= edge[:, None]) & (usable > -np.inf))
    return _order(n_rows, k, row, column, usable[row, column])


def top_k_sparse(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    k: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The same selection where a row has scores for some columns only.

    Args:
        indptr: int64[rows + 1], where each row's entries begin and end.
        indices: int32[entries], their columns.
        scores: float32[entries], finite.
        k: Length of the lists.
    """
    n_rows = len(indptr) - 1
    keep = np.ones(len(scores), dtype=np.bool_)
    for row in np.flatnonzero(np.diff(indptr) > k):
        own = slice(indptr[row], indptr[row + 1])
        values = scores[own]
        keep[own] = values >= _loosen(np.partition(values, len(values) - k)[len(values) - k])
    rows = np.repeat(np.arange(n_rows), np.diff(indptr))
    return _order(n_rows, k, rows[keep], indices[keep], scores[keep])


def _loosen(edge: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The k-th best score, lowered to what may still round to it; below it nothing can be listed."""
    exact = np.asarray(edge, dtype=np.float64)
    usable = np.isfinite(exact)
    lowered: npt.NDArray[np.float64] = np.full_like(exact, -np.inf)
    np.subtract(exact, np.abs(exact) * 2 * _MARGIN, out=lowered, where=usable)
    return lowered


def _order(
    n_rows: int,
    k: int,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.integer],
    scores: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The k first of each row's candidates under the total order; `row` ascends."""
    columns, values = _empty(n_rows, k)
    score = round_scores(scores)
    order = np.lexsort((column, -score, row))
    row, column, score = row[order], column[order], score[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(n_rows))[row]
    chosen = place < k
    columns[row[chosen], place[chosen]] = column[chosen]
    values[row[chosen], place[chosen]] = score[chosen]
    return columns, values


def _empty(n_rows: int, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    return np.full((n_rows, k), -1, dtype=np.int32), np.full((n_rows, k), np.nan)
