"""The selection against a plain sort."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.topk import empty_heaps, offer, round_score, sort_heaps

# Few different values, so that there are ties.
SCORES = st.sampled_from([-2.0, -1e-7, 0.0, 0.5, np.nextafter(0.5, 1.0), 3.0, 1e30])
ROWS = st.lists(st.lists(SCORES, max_size=12), min_size=1, max_size=5)


@given(ROWS, st.integers(1, 15), st.randoms(use_true_random=False))
def test_the_best_by_score_then_position(rows: list[list[float]], k: int, chance: Random) -> None:
    items, scores = empty_heaps(len(rows), k)
    for row, offered in enumerate(rows):
        for item in chance.sample(range(len(offered)), len(offered)):
            offer(items, scores, row, item, offered[item])
    sort_heaps(items, scores)
    for row, offered in enumerate(rows):
        best = sorted((-score, item) for item, score in enumerate(offered))[:k]
        missing = k - len(best)
        # What is missing is at the end, and marked.
        assert items[row].tolist() == [item for _, item in best] + [-1] * missing
        np.testing.assert_array_equal(scores[row], [-s for s, _ in best] + [np.nan] * missing)


@pytest.mark.parametrize(
    ("score", "rounded"),
    [(0.0, 0.0), (123456.0, 123460.0), (-0.00012345649, -0.00012346), (1.00004999, 1.0)],
)
def test_a_score_is_rounded_to_five_significant_digits(score: float, rounded: float) -> None:
    assert round_score(score) == pytest.approx(rounded, rel=1e-12)
