"""How far two distributions are apart."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.dataset.stability import merge_bins, stability_index


def test_the_index_by_hand() -> None:
    # With half a value added: shares 0.25 and 0.75 against 0.75 and 0.25.
    assert stability_index([(0, 1), (1, 0)]) == pytest.approx(2 * 0.5 * log(3))
    assert stability_index([(30, 3), (30, 3)]) == 0.0


@pytest.mark.parametrize(
    ("bins", "merged"),
    [
        ([(50, 50), (50, 50)], [(50, 50), (50, 50)]),
        # Each waits for the others, until they are a tenth.
        ([(4, 4), (4, 4), (4, 4), (88, 88)], [(12, 12), (88, 88)]),
        # What is left over at the end.
        ([(95, 95), (5, 5)], [(100, 100)]),
        # All values have moved to a bin that had none.
        ([(0, 100), (100, 0)], [(0, 100), (100, 0)]),
        # One side is empty.
        ([(0, 5), (0, 5)], [(0, 5), (0, 5)]),
        ([(0, 0)], []),
    ],
)
def test_narrow_bins_are_put_together(
    bins: list[tuple[int, int]], merged: list[tuple[int, int]]
) -> None:
    assert merge_bins(bins) == merged


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40))
def test_nothing_is_lost_and_bins_are_few(bins: list[tuple[int, int]]) -> None:
    merged = merge_bins(bins)
    assert len(merged) <= 20
    if any(map(any, bins)):
        assert [sum(side) for side in zip(*merged, strict=True)] == [
            sum(side) for side in zip(*bins, strict=True)
        ]
