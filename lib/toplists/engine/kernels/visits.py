"""In which order stochastic gradients visit rows and their entries.

Rows come in random order, and so do the entries of each; all entries of a row follow one another, so that
its vector stays in the cache. In the order in which rows are stored, the last ones would have the last word.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled


class Visits(NamedTuple):
    """`rows` int64[rows]; `entries` int64[entries]: those of row r lie from indptr[r] to indptr[r + 1]."""

    rows: npt.NDArray[np.int64]
    entries: npt.NDArray[np.int64]


@compiled
def random_visits(indptr: npt.NDArray[np.int64], seed: np.uint64) -> Visits:
    """All rows and all entries once, in an order that depends on lengths and seed (Durstenfeld 1964)."""
    rows = np.arange(len(indptr) - 1)
    entries = np.arange(indptr[-1])
    drawn = shuffle(rows, 0, len(rows), seed, 0)
    for row in range(len(rows)):
        drawn = shuffle(entries, indptr[row], indptr[row + 1], seed, drawn)
    return Visits(rows, entries)


@compiled
def shuffle(
    numbers: npt.NDArray[np.int64], first: int, last: int, seed: np.uint64, drawn: int
) -> int:
    """Shuffle `numbers[first:last]` by the words of the seed after the first `drawn`; how many are then."""
    for place in range(last - 1, first, -1):
        other = first + np.int64(word(seed, drawn) % np.uint64(place - first + 1))
        numbers[place], numbers[other] = numbers[other], numbers[place]
        drawn += 1
    return drawn


@compiled
def word(seed: np.uint64, number: int) -> np.uint64:
    """The random word of a number: SplitMix64, as in `toplists.engine.kernels.draws`."""
    bits = seed + np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
