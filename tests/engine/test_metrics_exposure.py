"""Metrics of all lists together."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.metrics_exposure import exposure_figure, exposures


def figures(counts: list[int]) -> tuple[float, float, float]:
    """Coverage, Gini and entropy."""
    array = np.array(counts, dtype=np.int64)
    return tuple(exposure_figure(name, array) for name in ("coverage@5", "gini@5", "entropy@5"))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([3, 3, 3, 3], (1.0, 0.0, 2.0)),
        ([0, 9, 0, 0], (0.25, 1.0, 0.0)),
        # p = 0, 0, 1/4, 3/4: (1 x 1/4 + 3 x 3/4) / 3.
        ([0, 3, 0, 1], (0.5, 2.5 / 3, 0.25 * 2 + 0.75 * log2(4 / 3))),
        ([7], (1.0, 0.0, 0.0)),
    ],
    ids=["even", "one alone", "uneven", "a catalogue of one"],
)
def test_known_answers(counts: list[int], expected: tuple[float, float, float]) -> None:
    assert figures(counts) == pytest.approx(expected)


def test_without_lists_nothing_is_covered_and_nothing_spread() -> None:
    assert figures([0, 0]) == pytest.approx((0.0, np.nan, np.nan), nan_ok=True)
    assert np.isnan(figures([])).all()


def test_only_metrics_of_all_lists() -> None:
    with pytest.raises(KeyError, match="ndcg"):
        exposure_figure("ndcg@10", np.ones(3, dtype=np.int64))


def test_exposures_count_the_places_up_to_the_cutoff() -> None:
    lists = np.array([[2, 0, 1], [2, -1, -1], [-1, -1, -1]], dtype=np.int32)
    assert exposures(lists, 2, 4).tolist() == [1, 0, 2, 0]
    assert exposures(lists, 9, 4).tolist() == [1, 1, 2, 0]


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(any))
def test_equals_the_definitions(counts: list[int]) -> None:
    coverage, gini, entropy = figures(counts)
    total, n = sum(counts), len(counts)
    assert coverage == sum(count > 0 for count in counts) / n
    # Half of the relative mean difference, stretched so that one item alone has 1.
    differences = sum(abs(one - other) for one in counts for other in counts)
    assert gini == pytest.approx(differences / (2 * n * total) * n / (n - 1))
    shares = [count / total for count in counts if count]
    assert entropy == pytest.approx(-sum(share * log2(share) for share in shares))
    # The same to the last bit for items in any order.
    assert figures(counts[::-1]) == (coverage, gini, entropy)


def test_random_lists_cover_what_chance_covers() -> None:
    # 100 lists of 5 of 200 items: each item is missed by all with probability (1 - 5/200)^100.
    rng = np.random.default_rng(3)
    found = [
        exposure_figure(
            "coverage@5",
            exposures(np.argsort(rng.random((100, 200)), axis=1)[:, :5].astype(np.int32), 5, 200),
        )
        for _ in range(50)
    ]
    assert np.mean(found) == pytest.approx(1 - (1 - 5 / 200) ** 100, abs=0.005)
