"""The selection against a plain sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toplists.engine.kernels.topk import round_score, top_k_sparse

# Few different values, so that there are ties; and neighbours that round to the same five digits.
SCORES = st.sampled_from([np.nan, -2.0, -1e-7, 0.0, 0.5, 0.500001, 0.50001, 3.0, 1e30])
TILES = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(0, 12)), elements=SCORES)


@given(TILES, st.integers(1, 15))
def test_the_best_by_rounded_score_then_column(tile: np.ndarray, k: int) -> None:
    kept = ~np.isnan(tile)
    indptr = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
    columns, scores = top_k_sparse(indptr, np.nonzero(kept)[1].astype(np.int32), tile[kept], k)
    assert columns.shape == scores.shape == (len(tile), k)
    for row in range(len(tile)):
        usable = [(-round_score(float(tile[row, c])), c) for c in np.flatnonzero(kept[row])]
        expected = [(column, -score) for score, column in sorted(usable)[:k]]
        found = columns[row] >= 0
        assert list(zip(columns[row][found], scores[row][found], strict=True)) == expected
        # What is missing is at the end, and marked.
        assert not np.any(~found[:-1] & found[1:])
        assert np.all(np.isnan(scores[row][~found]))


@pytest.mark.parametrize(
    ("score", "rounded"),
    [(0.0, 0.0), (123456.0, 123460.0), (-0.00012345649, -0.00012346), (1.00004999, 1.0)],
)
def test_a_score_is_rounded_to_five_significant_digits(score: float, rounded: float) -> None:
    assert round_score(score) == pytest.approx(rounded, rel=1e-12)
