"""Cosine neighbours against the dense formula."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toplists.engine.kernels.similarity import cosine_neighbours
from toplists.engine.kernels.weight_sums import Sparse

WEIGHTS = arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 7)),  # users x items
    elements=st.sampled_from([0.0, 0.0, 1.0, 2.0]),
)


def by_row(matrix: np.ndarray) -> Sparse:
    rows = sp.csr_array(matrix)
    return Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data)


def neighbours(
    matrix: np.ndarray,
    k: int,
    shrinkage: float,
    cuts: int,
    tile: int,
    candidates: np.ndarray | None = None,
) -> dict:
    users, items = matrix.shape
    norms = np.sqrt((matrix.astype(np.float64) ** 2).sum(axis=0))
    bounds = np.linspace(0, users, cuts + 1).astype(int)
    blocks = [(int(a), by_row(matrix[a:b])) for a, b in itertools.pairwise(bounds)]
    found = {}
    for first, columns, values in cosine_neighbours(
        by_row(matrix.T),
        0,
        blocks,
        norms,
        candidates,
        k=k,
        shrinkage=shrinkage,
        tile_bytes=tile,
    ):
        for row in range(len(columns)):
            kept = columns[row] >= 0
            found[first + row] = list(zip(columns[row][kept], values[row][kept], strict=True))
    assert len(found) == items
    return found


@given(WEIGHTS, st.integers(1, 7), st.sampled_from([0.0, 10.0]), st.integers(1, 3))
def test_equals_the_dense_formula(matrix: np.ndarray, k: int, shrinkage: float, cuts: int) -> None:
    exact = matrix.astype(np.float64)
    norms = np.sqrt((exact**2).sum(axis=0))
    found = neighbours(matrix, k, shrinkage, cuts, tile=1)
    for item, listed in found.items():
        dots = exact[:, item] @ exact
        expected = [
            (-float(np.float32(dots[j] / (norms[item] * norms[j] + shrinkage))), j)
            for j in range(matrix.shape[1])
            if j != item and dots[j] > 0
        ]
        assert [(j, -similarity) for similarity, j in sorted(expected)[:k]] == listed


@given(WEIGHTS)
def test_blocks_and_tiles_change_nothing(matrix: np.ndarray) -> None:
    whole = neighbours(matrix, 3, 1.0, cuts=1, tile=1 << 20)
    assert neighbours(matrix, 3, 1.0, cuts=3, tile=1) == whole


@given(WEIGHTS, st.integers(1, 4), st.integers(0, 127))
def test_only_candidates_are_neighbours_and_the_list_stays_full(
    matrix: np.ndarray, k: int, chosen: int
) -> None:
    n_items = matrix.shape[1]
    candidates = np.array([bool(chosen >> item & 1) for item in range(n_items)])
    everything = neighbours(matrix, n_items, 1.0, cuts=2, tile=1)
    found = neighbours(matrix, k, 1.0, cuts=2, tile=1, candidates=candidates)
    for item, listed in everything.items():
        assert found[item] == [(j, s) for j, s in listed if candidates[j]][:k]


def test_no_raters_in_common_is_no_neighbour() -> None:
    # Item 0 is liked by user 0 alone, items 1 and 2 by user 1; item 3 by nobody.
    matrix = np.array([[1, 0, 0, 0], [0, 1, 1, 0]], dtype=np.float32)
    assert neighbours(matrix, 2, 0.0, 1, 1) == {0: [], 1: [(2, 1.0)], 2: [(1, 1.0)], 3: []}
