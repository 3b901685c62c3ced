"""Steps of stochastic gradient descent on ratings: biased matrix factorization, and SVD++.

An entry of value r and weight w is predicted as mean + bias of the row + bias of the column + x·y. Its
step goes against the gradient of w (r - prediction)² / 2 + penalty |..|² / 2 over all that it was predicted
from. Funk, "Netflix update: try this at home", 2006; Koren, "Factorization meets the neighborhood", KDD
2008.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import summing
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.frozen import frozen
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


def descend_with_feedback(
    entries: Entries,
    counts: npt.NDArray[np.int64],
    others: Floats,
    rows: Floats,
    columns: Floats,
    step: Step,
    seed: int,
) -> float:
    """The same where a row's vector is x + z: z says which columns it has entries in, by a vector of each.

    z is the sum of those vectors over the root of their number. A step moves the vectors of all columns
    that the row has entries in here, all in the same direction, so that they need to be touched only once
    per row: the result is that of a step for each entry. Where some columns are elsewhere, those that are
    here take longer steps, as if they stood for all.

    Args:
        entries: What is known of the rows in these columns.
        counts: int64[rows], in how many columns a row has entries, here or elsewhere.
        others: float32[rows, k], what columns elsewhere contribute to z.
        rows: float32[rows, k + 1], x and behind it the bias; changed in place.
        columns: float32[columns, 2 k + 1], the same, and behind it what z is made of.
        step: How far a step goes.
        seed: Of the order; from 0 below 2^64.
    """
    entries = entries.frozen()
    visits = random_visits(entries.indptr, np.uint64(seed))
    known = (frozen(counts), frozen(others))
    return float(_descend_with_feedback(entries, *known, visits, rows, columns, *_exact(step)))


def _exact(step: Step) -> tuple[np.float32, np.float32, np.float32]:
    """In the precision of vectors: compiled code would go on in a higher one."""
    return np.float32(step.mean), np.float32(step.rate), np.float32(step.penalty)


@summing
def _descend_with_feedback(
    entries: Entries,
    counts: npt.NDArray[np.int64],
    others: Floats,
    visits: Visits,
    rows: Floats,
    columns: Floats,
    mean: np.float32,
    rate: np.float32,
    penalty: np.float32,
) -> float:
    k = rows.shape[1] - 1
    shrinking = np.float32(1) - rate * penalty
    here, before = np.empty(k, dtype=np.float32), np.empty(k, dtype=np.float32)
    total = 0.0
    for row in visits.rows:
        first, last = entries.indptr[row], entries.indptr[row + 1]
        if first == last:
            continue
        scale = np.float32(1) / np.sqrt(np.float32(counts[row]))
        fading = np.float32(1) - rate * penalty * np.float32(counts[row] / (last - first))
        here[:] = 0
        for entry in range(first, last):
            for p in range(k):
                here[p] += columns[entries.indices[entry], k + 1 + p]
        for p in range(k):
            here[p] *= scale
            before[p] = here[p]
        faded = np.float32(1)
        for place in range(first, last):
            entry = visits.entries[place]
            column = entries.indices[entry]
            error = entries.values[entry] - mean - rows[row, k] - columns[column, k]
            for p in range(k):
                error -= (rows[row, p] + others[row, p] + here[p]) * columns[column, p]
            total += np.float64(entries.weights[entry]) * error * error
            push = rate * entries.weights[entry] * error
            rows[row, k] = shrinking * rows[row, k] + push
            columns[column, k] = shrinking * columns[column, k] + push
            for p in range(k):
                x, y = rows[row, p], columns[column, p]
                whole = x + others[row, p] + here[p]
                rows[row, p] = shrinking * x + push * y
                columns[column, p] = shrinking * y + push * whole
                here[p] = fading * here[p] + push * y
            faded *= fading
        # Each vector faded alike and moved by the same; z tells by how much.
        size = scale * np.float32(last - first)
        for p in range(k):
            before[p] = (here[p] - faded * before[p]) / size
        for entry in range(first, last):
            column = entries.indices[entry]
            for p in range(k):
                q = k + 1 + p
                columns[column, q] = faded * columns[column, q] + before[p]
    return total
