"""The rows of a sparse matrix that have the largest products with each row, divided by a number of each.

A row of the product is summed up, looked through and emptied before the next one, so that it stays in a
core's cache. Similarities are looked through as the bits of their single precision, which ascend as they do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled, dividing
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.product_rows import sum_row, unsigned
from toplists.engine.kernels.sort_keys import Keys, keep_greatest, key_of, sorted_lists
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint32]

_KEY_BYTES = 8

_CROWDED = 4
"""With so many times fewer products than rows, it is noted on the way which sums are not 0."""

_GROUPS = 2
"""Groups that similarities are cut into, for each neighbour that is sought."""

_NEAR = 8
"""With so many times fewer groups too many, whose best are not below it, a bar is near enough."""


class _Divisor(NamedTuple):
    """What products are divided by, of the row whose neighbours are sought, of a neighbour, and of both."""

    own: Doubles
    other: Doubles
    added: float


class _Work(NamedTuple):
    """Memory for one row: sums, whose they are (some, or all), similarities, the highest of groups, best keys."""

    sums: Doubles
    touched: npt.NDArray[np.int32]
    all: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    peaks: Bits
    held: Keys


def nearest_rows(
    rows: Sparse,
    first: int,
    columns: Sparse,
    own: Doubles,
    other: Doubles,
    *,
    added: float,
    lowest: float,
    k: int | None,
    memory: int,
) -> Sparse:
    """The k other rows j with the largest Σxy / (own_i other_j + added) of each row i of a block.

    It is rounded to single precision, in which equal ones are equal; the order is by it, then by position.
    Products are of single, sums of double precision, in order of the columns.

    Args:
        rows: The block's rows, of values above 0; columns ascend.
        first: Position of the block's first row.
        columns: The whole matrix by column.
        own: float64[rows of the matrix], above 0 where there is a value.
        other: The same; infinite for whoever is no neighbour.
        added: Not negative.
        lowest: What is below it is no neighbour, nor is what is rounded to 0.
        k: Neighbours per row; `None` = all there are.
        memory: Bytes for the neighbours of the rows that are looked at at a time, of which there is one at
            least.
    """
    n_rows, count = len(own), len(rows.indptr) - 1
    length = max(1, n_rows if k is None else min(k, n_rows))
    height = max(1, memory // (_KEY_BYTES * length))
    work = _Work(
        sums=np.zeros(n_rows),
        # One place more: where the next one would go is written to before it is known to be new.
        touched=np.empty(n_rows + 1, dtype=np.int32),
        all=np.arange(n_rows, dtype=np.int32),
        scores=np.empty(n_rows, dtype=np.float32),
        peaks=np.empty(_GROUPS * length, dtype=np.uint32),
        held=np.empty(n_rows, dtype=np.uint64),
    )
    least = max(np.float32(lowest).view(np.uint32), np.uint32(1))
    divisor = _Divisor(frozen(own), frozen(other), added)
    rows, columns = unsigned(rows), unsigned(columns)
    found = []
    for start in range(0, count, height):
        keys = np.zeros((min(height, count - start), length), dtype=np.uint64)
        _find(rows, start, columns, first, divisor, least, work, keys)
        found.append(sorted_lists(keys))
    return Sparse.stacked(found)


@compiled
def _find(
    rows: Sparse,
    start: int,
    columns: Sparse,
    first: int,
    divisor: _Divisor,
    least: np.uint32,
    work: _Work,
    keys: Keys,
) -> None:
    """The best of the rows from `start` on, as keys in any order; sums are 0 before and after."""
    k, sums = keys.shape[1], work.sums
    for place in range(len(keys)):
        row = start + place
        itself, products = first + row, 0
        for entry in range(rows.indptr[row], rows.indptr[row + 1]):
            column = rows.columns[entry]
            products += columns.indptr[column + 1] - columns.indptr[column]
        own, other, added = divisor.own[itself], divisor.other, divisor.added
        if _CROWDED * products < len(sums):
            count = _add_few(rows, row, columns, sums, work.touched)
            sums[itself] = 0.0
            _divide_few(sums, work.touched[:count], own, other, added, work.scores)
            size = _hold_best(work.touched[:count], least, k, work)
        else:
            sum_row(rows, row, columns, sums)
            sums[itself] = 0.0
            _divide_all(sums, own, other, added, work.scores)
            size = _hold_best(work.all, least, k, work)
        if size > k:
            keep_greatest(work.held, size, k)
        keys[place, : min(size, k)] = work.held[: min(size, k)]


@compiled
def _add_few(
    rows: Sparse, row: int, columns: Sparse, sums: Doubles, touched: npt.NDArray[np.int32]
) -> int:
    """Sum up the products of a row, and note where there are any; how many places that are.

    It is noted without a branch, which would be guessed wrong half of the time.
    """
    count = 0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        column, value = rows.columns[entry], rows.values[entry]
        for at in range(columns.indptr[column], columns.indptr[column + 1]):
            item = columns.columns[at]
            before = sums[item]
            touched[count] = item
            count += before == 0.0
            sums[item] = before + value * columns.values[at]
    return count


@dividing
def _divide_few(
    sums: Doubles,
    touched: npt.NDArray[np.int32],
    own: float,
    other: Doubles,
    added: float,
    scores: npt.NDArray[np.float32],
) -> None:
    """The similarities of some places, whose sums become 0."""
    for at in range(len(touched)):
        item = touched[at]
        scores[at] = sums[item] / (own * other[item] + added)
        sums[item] = 0.0


@dividing
def _divide_all(
    sums: Doubles,
    own: float,
    other: Doubles,
    added: float,
    scores: npt.NDArray[np.float32],
) -> None:
    """The same of all places."""
    for item in range(len(sums)):
        scores[item] = sums[item] / (own * other[item] + added)
        sums[item] = 0.0


@compiled
def _hold_best(items: npt.NDArray[np.int32], least: np.uint32, k: int, work: _Work) -> int:
    """Hold the keys of the best k of some items, and of some more; how many are held."""
    bits, held = work.scores.view(np.uint32)[: len(items)], work.held
    bar, size = _bar(bits, least, k, work.peaks), 0
    for at in range(len(bits)):
        if bits[at] >= bar:
            held[size] = key_of(bits[at], items[at])
            size += 1
    return size


@compiled
def _bar(bits: Bits, least: np.uint32, k: int, peaks: Bits) -> np.uint32:
    """What the k highest, and not many more, are not below; at least `least`.

    Similarities are cut into as many groups as there are `peaks`. The k-th highest of what is highest in
    each is not above the k-th highest of all, and it is near.
    """
    groups = len(peaks)
    if len(bits) <= groups:
        return least
    peaks[:] = bits[:groups]
    for begin in range(groups, len(bits), groups):
        some = bits[begin : min(begin + groups, len(bits))]
        for at in range(len(some)):
            peaks[at] = max(peaks[at], some[at])
    low, high = np.int64(least), np.int64(peaks.max()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        above = _count_from(peaks, np.uint32(middle))
        if above < k:
            high = middle
        else:
            low = middle
            if above <= k + k // _NEAR:
                break
    return np.uint32(low)


@compiled
def _count_from(bits: Bits, bar: np.uint32) -> np.uint32:
    """How many are not below a bar."""
    count = np.uint32(0)
    for at in range(len(bits)):
        count = np.uint32(count + np.uint32(bits[at] >= bar))
    return count
