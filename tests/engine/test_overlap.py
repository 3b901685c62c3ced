"""What two lists have in common: known answers, and plain oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.overlap import jaccard, rbo, shared_prefixes

DEPTH = 6
Lists = list[list[int]]


def matrix(lists: Lists) -> np.ndarray:
    """The kernel's array."""
    padded = [[*one, *[-1] * (DEPTH - len(one))] for one in lists]
    return np.array(padded, dtype=np.int32).reshape(-1, DEPTH)


def plain_rbo(left: list[int], right: list[int], p: float) -> float:
    """RBO_EXT as it is written in the paper, with S the shorter list and L the longer."""
    short, long = sorted((left, right), key=len)
    s, l = len(short), len(long)  # noqa: E741  # the paper's names
    if l == 0:
        return 1.0
    x = [len({*short[:d]} & {*long[:d]}) for d in range(l + 1)]
    agreement = sum(x[d] / d * p**d for d in range(1, l + 1))
    agreement += sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1) if s)
    end = (x[l] - x[s]) / l + (x[s] / s if s else 0.0)
    return (1 - p) / p * agreement + end * p**l


ranked = st.lists(st.integers(0, 8), unique=True, max_size=DEPTH)


@given(st.lists(st.tuples(ranked, ranked), max_size=8), st.sampled_from([0.5, 0.9, 0.98]))
def test_both_measures_are_what_they_are_defined_as(
    pairs: list[tuple[list[int], list[int]]], p: float
) -> None:
    left, right = (matrix([pair[side] for pair in pairs]) for side in (0, 1))
    expected = [len({*a} & {*b}) / len({*a} | {*b}) if a or b else 1.0 for a, b in pairs]
    assert jaccard(left, right) == pytest.approx(expected)
    assert rbo(left, right, p) == pytest.approx([plain_rbo(a, b, p) for a, b in pairs])
    assert rbo(right, left, p) == pytest.approx(rbo(left, right, p))
    shared = [[len({*a[:d]} & {*b[:d]}) for d in range(1, DEPTH + 1)] for a, b in pairs]
    assert shared_prefixes(left, right).tolist() == shared


@pytest.mark.parametrize(
    ("left", "right", "jaccard_", "rbo_"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0, 1.0),
        ([1, 2, 3], [4, 5, 6], 0.0, 0.0),
        # X = (0, 2): 0.1 / 0.9 x 0.81 + 0.81.
        ([1, 2], [2, 1], 1.0, 0.9),
        # X = (1, 1), and the end counts half: 0.1 / 0.9 x (0.9 + 0.405) + 0.405.
        ([1, 2], [1, 3], 1 / 3, 0.55),
        # The shorter one goes on to agree: the same as far as it goes.
        ([1], [1, 2], 1 / 2, 0.1 / 0.9 * (0.9 + 0.405 + 0.405) + 0.81),
        ([], [1, 2], 0.0, 0.0),
        ([], [], 1.0, 1.0),
        # An item twice is a defect that others count; here it is there once.
        ([1, 1], [1, 2], 1 / 2, None),
    ],
)
def test_known_answers(
    left: list[int], right: list[int], jaccard_: float, rbo_: float | None
) -> None:
    a, b = matrix([left]), matrix([right])
    assert jaccard(a, b) == pytest.approx([jaccard_])
    assert 0.0 <= rbo(a, b)[0] <= 1.0
    if rbo_ is not None:
        assert rbo(a, b) == pytest.approx([rbo_])
