"""Rows with very many entries: their equations are added up in spans, which may be separate tasks.

A popular item has more entries than a whole block should. The spans of a row, and the groups within a
span, begin at fixed entries of the row, so that the sums are the same wherever they are made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from toplists.engine.kernels.equations import SPAN, Doubles, Equations, Floats, frozen_rows
from toplists.engine.kernels.exact_rows import add_up
from toplists.engine.kernels.frozen import frozen

_GROUP = 1 << 14
"""Entries that are added up in float32, before they go into float64."""

_CHUNK = 256
"""Entries whose features are gathered at a time."""

_FLAT = 1e-12
"""Curvature along a direction, as a share of the steepest, that is none in float64."""


class Sums(NamedTuple):
    """A row's equations without the diagonal: float64[k, k], float64[k], and its constant loss."""

    matrix: Doubles
    pulled: Doubles
    constant: float


def sum_entries(rows: Equations, features: Floats, row: int) -> Sums:
    """The sums of a row of any length."""
    count = int(rows.indptr[row + 1] - rows.indptr[row])
    return add_spans([sum_span(rows, features, row, start) for start in range(0, count, SPAN)])


def sum_span(rows: Equations, features: Floats, row: int, start: int) -> Sums:
    """The sums of the span that begins at entry `start` of a row; zero behind the row's end."""
    k = features.shape[1]
    matrix, pulled, constant = np.zeros((k, k)), np.zeros(k), 0.0
    end = int(rows.indptr[row + 1])
    first = min(end, int(rows.indptr[row]) + start)
    last = min(end, first + SPAN)
    rows, features = frozen_rows(rows), frozen(features)
    scaled = np.empty((_CHUNK, k), dtype=np.float32)
    part, right = np.empty((k, k), dtype=np.float32), np.empty(k, dtype=np.float32)
    for group in range(first, last, _GROUP):
        end = min(last, group + _GROUP)
        constant += add_up(rows, features, group, end, scaled, part, right)
        matrix += part
        pulled += right
    return Sums(matrix, pulled, constant)


def add_spans(spans: list[Sums]) -> Sums:
    """The sums of a whole row from those of its spans, in their order."""
    matrix, pulled, constant = spans[0]
    for span in spans[1:]:
        matrix, pulled, constant = (
            matrix + span.matrix,
            pulled + span.pulled,
            constant + span.constant,
        )
    return Sums(matrix, pulled, constant)


def solve_in_doubles(sums: Sums, diagonal: Doubles) -> tuple[Doubles, float, bool]:
    """Solve one row's equations in float64.

    Args:
        sums: The row's sums.
        diagonal: float64[k], what is added to the diagonal.

    Returns:
        The solution float64[k], the smallest where it is not unique; its loss; whether it is not unique.
    """
    values, vectors = np.linalg.eigh(sums.matrix + np.diag(diagonal))
    steep = values > _FLAT * values[-1]
    along = vectors.T @ sums.pulled
    turned = np.divide(along, values, out=np.zeros_like(along), where=steep)
    solution = vectors @ turned
    return solution, sums.constant - float(solution @ sums.pulled), not bool(steep.all())
