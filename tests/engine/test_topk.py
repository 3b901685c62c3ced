"""The selection against a plain sort."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toplists.engine.kernels.topk import mask_rows, round_scores, top_k, top_k_sparse

# Few different values, so that there are ties; and neighbours that round to the same five digits.
SCORES = st.sampled_from([-np.inf, np.nan, -2.0, -1e-7, 0.0, 0.5, 0.500001, 0.50001, 3.0, 1e30])
TILES = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(0, 12)), elements=SCORES)


def plainly(row: np.ndarray, k: int) -> list[tuple[int, float]]:
    rounded = round_scores(np.where(np.isfinite(row), row, 0).astype(np.float32))
    usable = [(-rounded[column], column) for column in range(len(row)) if np.isfinite(row[column])]
    return [(column, -score) for score, column in sorted(usable)[:k]]


def listed(columns: np.ndarray, scores: np.ndarray) -> list[tuple[int, float]]:
    return [(int(c), float(s)) for c, s in zip(columns, scores, strict=True) if c >= 0]


@given(TILES, st.integers(1, 15))
def test_the_best_by_rounded_score_then_column(tile: np.ndarray, k: int) -> None:
    columns, scores = top_k(tile, k)
    assert columns.shape == scores.shape == (len(tile), k)
    for row in range(len(tile)):
        assert listed(columns[row], scores[row]) == plainly(tile[row], k)
        # What is missing is at the end, and marked.
        short = columns[row] < 0
        assert not np.any(short[:-1] & ~short[1:])
        assert np.all(np.isnan(scores[row][short]))


@given(TILES, st.integers(1, 15))
def test_sparse_rows_are_selected_alike(tile: np.ndarray, k: int) -> None:
    kept = np.isfinite(tile)
    indptr = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
    columns, scores = top_k_sparse(indptr, np.nonzero(kept)[1].astype(np.int32), tile[kept], k)
    for row in range(len(tile)):
        assert listed(columns[row], scores[row]) == plainly(tile[row], k)


@given(TILES, st.integers(1, 5), st.integers(1, 4))
def test_how_rows_are_cut_into_tiles_changes_nothing(tile: np.ndarray, k: int, height: int) -> None:
    whole = top_k(tile, k)
    parts = [top_k(tile[start : start + height], k) for start in range(0, len(tile), height)]
    np.testing.assert_array_equal(whole[0], np.vstack([part[0] for part in parts]))
    np.testing.assert_array_equal(whole[1], np.vstack([part[1] for part in parts]))


def test_scores_have_five_significant_digits() -> None:
    exact = np.array([0.0, 123456.0, -0.00012345649, 1.00004999], dtype=np.float32)
    np.testing.assert_allclose(round_scores(exact), [0.0, 123460.0, -0.00012346, 1.0], rtol=1e-12)


def test_masking_takes_each_row_at_its_own_columns() -> None:
    scores = np.ones((3, 4), dtype=np.float32)
    # A slice of a longer CSR: the first row's entries begin at 2.
    mask_rows(scores, np.array([2, 3, 3, 5]), np.array([9, 9, 1, 0, 3], dtype=np.int32))
    assert np.argwhere(np.isinf(scores)).tolist() == [[0, 1], [2, 0], [2, 3]]
