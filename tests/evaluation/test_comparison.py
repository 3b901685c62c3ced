"""Figures of contenders, and paired differences between them."""

from __future__ import annotations

import numpy as np
import pytest
from adding import add_up

from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.outcomes import Measured
from toplists.evaluation.comparison import Figure, compare, to_rows
from toplists.lake.tables import METRICS as METRICS_TABLE

METRICS = ("hit_rate@10", "ndcg@10")
HIT, GAIN = METRICS
CONTENDERS = ("als", "popularity", "live")


def figures_of(*contenders: dict[str, np.ndarray]) -> dict[tuple[str, str, str], Figure]:
    """Figures by (subject, metric, versus), of users who all count."""
    return figures_of_measured(
        *(
            {metric: Measured(one, np.ones(len(one))) for metric, one in values.items()}
            for values in contenders
        )
    )


def figures_of_measured(
    *contenders: dict[str, Measured], scale: Scale = Scale()
) -> dict[tuple[str, str, str], Figure]:
    added = [add_up(measured, scale) for measured in contenders]
    figures = compare(dict(zip(CONTENDERS, added, strict=False)), 0.95)
    return {(figure.subject, figure.metric, figure.versus): figure for figure in figures}


def uneven(n_users: int = 400) -> np.ndarray:
    """Values of users who differ much from one another, all at most 0.9."""
    return np.random.default_rng(1).random(n_users) * 0.9


def test_figures_are_means_over_users() -> None:
    figures = figures_of(
        {HIT: np.array([1.0, 0, 0, 0]), GAIN: np.array([0.5, 0, 0, 0])},
        {HIT: np.array([1.0, 1, 0, 0]), GAIN: np.array([0.0, 0, 0, 0.25])},
    )
    means = {name: figure.value for name, figure in figures.items()}
    assert means == {
        ("als", HIT, ""): 0.25,
        ("als", GAIN, ""): 0.125,
        ("popularity", HIT, ""): 0.5,
        ("popularity", GAIN, ""): 0.0625,
        ("als", HIT, "popularity"): -0.25,
        ("als", GAIN, "popularity"): 0.0625,
    }
    assert {figure.users for figure in figures.values()} == {4}


def test_every_other_contender_is_compared_with_the_candidate_only() -> None:
    same = {HIT: uneven(), GAIN: uneven()}
    pairs = [(subject, versus) for subject, _, versus in figures_of(same, same, same)]
    assert dict.fromkeys(pairs) == dict.fromkeys(
        [("als", ""), ("popularity", ""), ("live", ""), ("als", "popularity"), ("als", "live")]
    )


def test_differences_are_paired() -> None:
    # Everybody gains exactly 0.01: users differ widely, the difference does not.
    figures = figures_of({HIT: uneven() + 0.01, GAIN: uneven()}, {HIT: uneven(), GAIN: uneven()})
    own, difference = figures["als", HIT, ""], figures["als", HIT, "popularity"]
    assert own.high - own.low > 0.04
    assert (difference.low, difference.high) == pytest.approx((0.01, 0.01), abs=1e-9)
    same = figures["als", GAIN, "popularity"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_intervals_hold_their_value() -> None:
    flipped = {HIT: uneven()[::-1], GAIN: 1 - uneven()}
    for figure in figures_of({HIT: uneven(), GAIN: uneven()}, flipped).values():
        assert figure.low < figure.value < figure.high


def test_without_users_there_are_no_figures() -> None:
    nobody = {HIT: np.array([]), GAIN: np.array([])}
    assert figures_of(nobody, nobody) == {}


def test_a_figure_has_the_users_who_count_in_it() -> None:
    # The first contender has likings of the first user only to find, the second of both.
    some = Measured(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    both = Measured(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    nobody = Measured(np.zeros(2), np.zeros(2))
    figures = figures_of_measured({HIT: some, GAIN: nobody}, {HIT: both, GAIN: both})
    assert {name: (figure.value, figure.users) for name, figure in figures.items()} == {
        ("als", HIT, ""): (1.0, 1),
        ("popularity", HIT, ""): (0.5, 2),
        ("popularity", GAIN, ""): (0.5, 2),
        ("als", HIT, "popularity"): (0.5, 1),
    }


def test_contenders_differ_in_what_is_measured_of_both() -> None:
    ones, errors = Measured(np.ones(4), np.ones(4)), Measured(np.full(4, 0.25), np.ones(4))
    scale = Scale(largest_error=1.0, most_targets=1)
    # Only the first predicts values.
    figures = figures_of_measured({HIT: ones, "rmse": errors}, {HIT: ones}, scale=scale)
    assert [*figures] == [
        ("als", HIT, ""),
        ("als", "rmse", ""),
        ("popularity", HIT, ""),
        ("als", HIT, "popularity"),
    ]
    assert figures["als", "rmse", ""].value == 0.5


def test_a_slice_of_too_few_users_has_no_figures() -> None:
    three = {"als": add_up({HIT: Measured(np.ones(3), np.ones(3))})}
    assert compare(three, 0.95, part="activity=low", min_users=4) == []
    (figure,) = compare(three, 0.95, part="activity=low", min_users=3)
    assert (figure.slice, figure.users) == ("activity=low", 3)


def test_rows_fit_the_metrics_table() -> None:
    figure = Figure("als", HIT, "live", 0.1, 0.05, 0.15, 7)
    (row,) = to_rows([figure], "2024-01-01-00000000", "last(5)")
    assert set(row) == set(METRICS_TABLE.column_names)
    assert row["protocol"] == "last(5)"
    assert row["versus"] == "live"
    assert row["users"] == 7


def test_an_end_that_is_not_there_is_null() -> None:
    figure = Figure("als", "coverage@10", "", 0.3, float("nan"), float("nan"), 7)
    (row,) = to_rows([figure], "2024-01-01-00000000", "last(5)")
    assert (row["value"], row["low"], row["high"], row["slice"]) == (0.3, None, None, "")
