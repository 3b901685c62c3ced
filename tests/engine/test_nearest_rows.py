"""The rows with the largest normalised products, against a full sort of all products."""

from __future__ import annotations

import numpy as np
import pytest

from toplists.engine.kernels.nearest_rows import nearest_rows
from toplists.engine.kernels.sort_keys import keep_greatest, key_of, sorted_lists
from toplists.engine.kernels.weight_sums import Sparse

ITEMS, USERS = 300, 40
VALUES = {
    "ones": np.ones(1, np.float32),  # most similarities have their equals
    "thirds": np.array([1 / 3, 2 / 3, 5 / 3], np.float32),
}


def by_row(dense: np.ndarray) -> Sparse:
    """What is not 0."""
    rows, columns = np.nonzero(dense)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(dense)))))
    return Sparse(indptr, columns.astype(np.int32), dense[rows, columns])


def sorted_out(
    dense: np.ndarray, own: np.ndarray, other: np.ndarray, added: float
) -> list[list[tuple[int, np.float32]]]:
    """All neighbours of each row in order; products are of single precision, their sums of double."""
    found = []
    for row, mine in enumerate(dense):
        sums = np.zeros(len(dense))
        for column in np.flatnonzero(mine):
            sums += mine[column] * dense[:, column]
        with np.errstate(invalid="ignore"):  # a row that has nothing
            scores = (sums / (own[row] * other + added)).astype(np.float32)
        order = np.lexsort((np.arange(len(dense)), -scores))
        found.append([(int(at), scores[at]) for at in order if scores[at] > 0 and at != row])
    return found


@pytest.mark.parametrize("share", [0.01, 0.2])  # of what could be known: sums are few, or many
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("k", [1, 7, 250, None])
@pytest.mark.parametrize("cut", [(ITEMS, 1 << 20), (60, 1)])
def test_the_best_are_as_of_a_full_sort(
    share: float, values: np.ndarray, k: int | None, cut: tuple[int, int]
) -> None:
    random = np.random.default_rng(3)
    known = random.random((ITEMS, USERS)) < share
    dense = np.where(known, random.choice(values, known.shape), 0).astype(np.float32)
    norms = np.sqrt((dense.astype(np.float64) ** 2).sum(axis=1))
    other = np.where((norms > 0) & (np.arange(ITEMS) % 5 > 0), norms, np.inf)
    rows, memory = cut
    found = [
        nearest_rows(
            by_row(dense[first : first + rows]),
            first,
            by_row(dense.T),
            norms,
            other,
            added=0.5,
            lowest=0.0,
            k=k,
            memory=memory,
        )
        for first in range(0, ITEMS, rows)
    ]
    whole = Sparse.stacked(found)
    wanted = sorted_out(dense, norms, other, 0.5)
    for row in range(ITEMS):
        own = slice(whole.indptr[row], whole.indptr[row + 1])
        named = list(zip(whole.columns[own].tolist(), whole.values[own], strict=True))
        assert named == wanted[row][:k]


def test_what_is_below_the_lowest_is_no_neighbour_and_what_is_equal_is() -> None:
    dense = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], np.float32)
    ones = np.ones(3)
    found = nearest_rows(
        by_row(dense), 0, by_row(dense.T), ones, ones, added=0.0, lowest=2.0, k=2, memory=1 << 10
    )
    assert np.diff(found.indptr).tolist() == [1, 0, 1]
    assert found.columns.tolist() == [2, 0]


def test_keys_are_in_order_of_score_then_of_position() -> None:
    scores = np.array([0.25, np.inf, 0.25, 1e-45, 3.0], np.float32)
    keys = np.zeros((1, 7), dtype=np.uint64)
    for item, bits in enumerate(scores.view(np.uint32)):
        keys[0, item] = key_of(bits, item)
    found = sorted_lists(keys)
    assert found.columns.tolist() == [1, 4, 0, 2, 3]
    assert found.values.tolist() == scores[found.columns].tolist()


@pytest.mark.parametrize("highest", [3, 1 << 40])  # many are equal, or none
def test_the_greatest_come_to_the_front(highest: int) -> None:
    random = np.random.default_rng(5)
    for size in range(2, 60):
        keys = random.integers(0, highest, size).astype(np.uint64)
        for k in {1, size // 2, size - 1}:
            kept = keys.copy()
            keep_greatest(kept, size, k)
            assert np.sort(kept[:k]).tolist() == np.sort(keys)[-k:].tolist()
            assert np.sort(kept).tolist() == np.sort(keys).tolist()
