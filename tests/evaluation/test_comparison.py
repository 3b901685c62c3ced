"""Figures of contenders, and paired differences between them."""

from __future__ import annotations

import numpy as np
import pytest

from toplists.engine.kernels.bootstrap import partial_sums
from toplists.engine.kernels.draws import hash_ids
from toplists.evaluation.comparison import Figure, compare, to_rows, value_columns
from toplists.lake.tables import METRICS as METRICS_TABLE

METRICS = ("hit", "gain")
CONTENDERS = ("als", "popularity", "live")


def figures_of(*contenders: dict[str, np.ndarray]) -> dict[tuple[str, str, str], Figure]:
    """Figures by (subject, metric, versus)."""
    values = value_columns(contenders, METRICS)
    hashes = hash_ids(map(str, range(len(values))))
    names = CONTENDERS[: len(contenders)]
    figures = compare(names, METRICS, *partial_sums(values, hashes, 500, seed=1), 0.95)
    return {(figure.subject, figure.metric, figure.versus): figure for figure in figures}


def uneven(n_users: int = 400) -> np.ndarray:
    """Values of users who differ much from one another, all at most 0.9."""
    return np.random.default_rng(1).random(n_users) * 0.9


def test_figures_are_means_over_users() -> None:
    figures = figures_of(
        {"hit": np.array([1.0, 0, 0, 0]), "gain": np.array([0.5, 0, 0, 0])},
        {"hit": np.array([1.0, 1, 0, 0]), "gain": np.array([0.0, 0, 0, 0.25])},
    )
    means = {name: figure.value for name, figure in figures.items()}
    assert means == {
        ("als", "hit", ""): 0.25,
        ("als", "gain", ""): 0.125,
        ("popularity", "hit", ""): 0.5,
        ("popularity", "gain", ""): 0.0625,
        ("als", "hit", "popularity"): -0.25,
        ("als", "gain", "popularity"): 0.0625,
    }
    assert {figure.users for figure in figures.values()} == {4}


def test_every_other_contender_is_compared_with_the_candidate_only() -> None:
    same = {"hit": uneven(), "gain": uneven()}
    pairs = [(subject, versus) for subject, _, versus in figures_of(same, same, same)]
    assert dict.fromkeys(pairs) == dict.fromkeys(
        [("als", ""), ("popularity", ""), ("live", ""), ("als", "popularity"), ("als", "live")]
    )


def test_differences_are_paired() -> None:
    # Everybody gains exactly 0.01: users differ widely, the difference does not.
    figures = figures_of(
        {"hit": uneven() + 0.01, "gain": uneven()}, {"hit": uneven(), "gain": uneven()}
    )
    own, difference = figures["als", "hit", ""], figures["als", "hit", "popularity"]
    assert own.high - own.low > 0.04
    assert (difference.low, difference.high) == pytest.approx((0.01, 0.01), abs=1e-9)
    same = figures["als", "gain", "popularity"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_intervals_hold_their_value() -> None:
    flipped = {"hit": uneven()[::-1], "gain": 1 - uneven()}
    for figure in figures_of({"hit": uneven(), "gain": uneven()}, flipped).values():
        assert figure.low < figure.value < figure.high


def test_without_users_there_are_no_figures() -> None:
    nobody = {"hit": np.array([]), "gain": np.array([])}
    assert figures_of(nobody, nobody) == {}


def test_refuses_sums_of_other_contenders() -> None:
    sums, counts = partial_sums(np.zeros((1, 3)), hash_ids(["a"]), 10, seed=1)
    with pytest.raises(ValueError, match="3 columns are not 2 contenders x 2 metrics"):
        compare(("als", "popularity"), METRICS, sums, counts, 0.95)


def test_rows_fit_the_metrics_table() -> None:
    figure = Figure("als", "hit", "live", 0.1, 0.05, 0.15, 7)
    (row,) = to_rows([figure], "2024-01-01-00000000", "last(5)")
    assert set(row) == set(METRICS_TABLE.column_names)
    assert row["protocol"] == "last(5)"
    assert row["versus"] == "live"
    assert row["users"] == 7
