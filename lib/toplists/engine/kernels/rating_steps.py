"""Steps of stochastic gradient descent on ratings: biased matrix factorization.

An entry of value r and weight w is predicted as mean + bias of the row + bias of the column + x·y. Its
step goes against the gradient of w (r - prediction)² / 2 + penalty |..|² / 2 over all that it was predicted
from. Funk, "Netflix update: try this at home", 2006.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import summing
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.visits import Visits, random_visits

Floats = npt.NDArray[np.float32]


class Step(NamedTuple):
    """What decides a step: the mean of all values, the learning rate, the penalty."""

    mean: float
    rate: float
    penalty: float


def descend_ratings(
    entries: Entries, rows: Floats, columns: Floats, step: Step, seed: int
) -> float:
    """A step for every entry, in random order; the weighted squared errors before each, summed.

    Args:
        entries: What is known of the rows.
        rows: float32[rows, k + 1], the vector and behind it the bias; changed in place.
        columns: float32[columns, k + 1], the same.
        step: How far a step goes.
        seed: Of the order; from 0 below 2^64.
    """
    entries = entries.frozen()
    visits = random_visits(entries.indptr, np.uint64(seed))
    return float(_descend_ratings(entries, visits, rows, columns, *_exact(step)))


@summing
def _descend_ratings(
    entries: Entries,
    visits: Visits,
    rows: Floats,
    columns: Floats,
    mean: np.float32,
    rate: np.float32,
    penalty: np.float32,
) -> float:
    k = rows.shape[1] - 1
    shrinking = np.float32(1) - rate * penalty
    total = 0.0
    for row in visits.rows:
        for place in range(entries.indptr[row], entries.indptr[row + 1]):
            entry = visits.entries[place]
            column = entries.indices[entry]
            error = entries.values[entry] - mean - rows[row, k] - columns[column, k]
            for p in range(k):
                error -= rows[row, p] * columns[column, p]
            total += np.float64(entries.weights[entry]) * error * error
            push = rate * entries.weights[entry] * error
            rows[row, k] = shrinking * rows[row, k] + push
            columns[column, k] = shrinking * columns[column, k] + push
            for p in range(k):
                x, y = rows[row, p], columns[column, p]
                rows[row, p] = shrinking * x + push * y
                columns[column, p] = shrinking * y + push * x
    return total


def _exact(step: Step) -> tuple[np.float32, np.float32, np.float32]:
    """In the precision of vectors: compiled code would go on in a higher one."""
    return np.float32(step.mean), np.float32(step.rate), np.float32(step.penalty)
