"""The k best of a stream of scored items, under the total order that every list has.

The order is by score descending, then by position ascending; positions ascend with item ids, so ties go
to the smaller id. The k best so far are kept as a heap whose root is the worst of them: what does not
beat the root is passed over at the price of one comparison.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled

SCORE_DIGITS = 5
"""Significant digits left by rounding, for scores whose last digits differ from fit to fit."""

# Half a unit of the last significant digit is at most 5e-5 of a score; this is safely more.
_MARGIN = 1.2e-4
_NOBODY = np.iinfo(np.int32).max


@compiled
def round_score(score: float) -> float:
    """A finite score rounded to `SCORE_DIGITS` significant digits; 0 stays 0."""
    if score == 0.0:
        return score
    scale = 10.0 ** (SCORE_DIGITS - 1.0 - np.floor(math.log10(abs(score))))
    if not 0.0 < scale < np.inf:
        return score
    return float(np.rint(score * scale) / scale)


@compiled
def lowest_equal(score: float, rounded: bool) -> float:
    """Whatever is below this can no more be equal to `score`, or before it."""
    return score - abs(score) * _MARGIN if rounded and np.isfinite(score) else score


@compiled
def highest_equal(score: float, rounded: bool) -> float:
    """Whatever is above this stands before `score`."""
    return score + abs(score) * _MARGIN if rounded and np.isfinite(score) else score


def empty_heaps(rows: int, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Heaps to `offer` to: `(items int32[rows, k], scores float64[rows, k])`."""
    return np.full((rows, k), _NOBODY, dtype=np.int32), np.full((rows, k), -np.inf)


@compiled
def precedes(score: float, item: int, other_score: float, other: int) -> bool:
    """Whether an item stands before another."""
    return score > other_score or (score == other_score and item < other)


@compiled
def offer(
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    row: int,
    item: int,
    score: float,
) -> None:
    """Take an item into the heap of a row if it is among the k best so far. The score is finite."""
    if precedes(score, item, scores[row, 0], items[row, 0]):
        _sink(items, scores, row, item, score, items.shape[1])


@compiled
def sort_heaps(items: npt.NDArray[np.int32], scores: npt.NDArray[np.float64]) -> None:
    """Turn heaps into lists, in place: best first; where there is no item, -1 and NaN."""
    k = items.shape[1]
    for row in range(len(items)):
        for end in range(k - 1, 0, -1):
            item, score = items[row, end], scores[row, end]
            items[row, end], scores[row, end] = items[row, 0], scores[row, 0]
            _sink(items, scores, row, item, score, end)
        for place in range(k):
            if items[row, place] == _NOBODY:
                items[row, place], scores[row, place] = -1, np.nan


@compiled
def _sink(
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    row: int,
    item: int,
    score: float,
    size: int,
) -> None:
    """Replace the root of the heap's first `size` entries."""
    here = 0
    while True:
        child = 2 * here + 1
        if child >= size:
            break
        other = child + 1
        if other < size and precedes(
            scores[row, child], items[row, child], scores[row, other], items[row, other]
        ):
            child = other
        if not precedes(score, item, scores[row, child], items[row, child]):
            break
        items[row, here], scores[row, here] = items[row, child], scores[row, child]
        here = child
    items[row, here], scores[row, here] = item, score
