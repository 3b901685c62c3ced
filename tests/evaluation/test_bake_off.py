"""Who is better than whom, and whether that is sure."""

from __future__ import annotations

import numpy as np
import pytest
from adding import add_up

from toplists.engine.kernels.outcomes import Measured
from toplists.evaluation.bake_off import bootstrap_p, holm, standings

NDCG = "ndcg@10"
RNG = np.random.default_rng(5)
BASE = RNG.random(400) * 0.8


def of(values: np.ndarray) -> dict[str, Measured]:
    return {NDCG: Measured(values, np.ones(len(values)))}


def test_the_best_is_first_and_others_are_behind_or_not() -> None:
    noise = RNG.normal(0, 0.05, 400)
    added = {
        "worst": add_up(of(BASE * 0.5)),
        "same": add_up(of(BASE + noise - noise.mean())),
        "best": add_up(of(BASE + 0.0005)),
    }
    best, same, worst = standings(added, NDCG, 0.95)
    assert [one.name for one in (best, same, worst)] == ["best", "same", "worst"]
    assert [one.verdict for one in (best, same, worst)] == [
        "best",
        "no real difference",
        "clearly behind",
    ]
    assert worst.behind is not None
    assert worst.behind.low > 0
    assert (worst.behind.subject, worst.behind.versus) == ("best", "worst")
    assert worst.p is not None
    assert worst.p < 0.02
    assert same.p is not None
    assert same.p > 0.05


def test_who_is_measured_otherwise_is_left_out() -> None:
    added = {"a": add_up(of(BASE)), "b": add_up({"recall@10": Measured(BASE, np.ones(400))})}
    assert [one.name for one in standings(added, NDCG, 0.95)] == ["a"]
    assert standings({"b": added["b"]}, NDCG, 0.95) == []


def test_equal_models_are_in_the_order_of_their_names() -> None:
    added = {name: add_up(of(BASE)) for name in "cab"}
    first, *others = standings(added, NDCG, 0.95)
    assert [first.name, *(one.name for one in others)] == ["a", "b", "c"]
    assert {(one.p, one.differs) for one in others} == {(1.0, False)}


def test_p_is_that_of_so_many_standard_errors() -> None:
    resampled = np.random.default_rng(1).normal(0.02, 0.01, 20_000)
    assert bootstrap_p(0.02, resampled) == pytest.approx(0.0455, rel=0.03)  # two of them
    assert bootstrap_p(-0.02, -resampled) == bootstrap_p(0.02, resampled)
    # However few resamples there are, small probabilities are told apart.
    assert bootstrap_p(0.08, resampled[:100]) < 1e-8


@pytest.mark.parametrize(
    ("difference", "resampled", "p"),
    [
        (0.0, [0.0, 0.0], 1.0),  # the same lists
        (0.1, [0.1, 0.1], 0.0),  # everybody gains the same
        (0.0, [np.nan, 1.0], 1.0),  # one resample says nothing
    ],
)
def test_p_without_a_spread(difference: float, resampled: list[float], p: float) -> None:
    assert bootstrap_p(difference, np.array(resampled)) == p


@pytest.mark.parametrize(
    ("given", "tests", "corrected"),
    [
        ([0.01, 0.04, 0.03], 3, [0.03, 0.06, 0.06]),  # 2 x 0.03, below which 0.04 does not fall
        ([0.01, 0.04], 6, [0.06, 0.2]),  # four more tests that nobody made
        ([0.5, 0.6], 2, [1.0, 1.0]),
        ([0.2], 1, [0.2]),
        ([], 0, []),
    ],
)
def test_holm(given: list[float], tests: int, corrected: list[float]) -> None:
    assert holm(given, tests) == pytest.approx(corrected)


def test_models_that_are_alike_seldom_differ() -> None:
    # Six models that differ by chance only, again and again: any is behind in about 5 % at most.
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        easy = rng.random(150) * 0.5
        added = {
            str(name): add_up(of(easy + rng.random(150) * 0.5), resamples=300) for name in range(6)
        }
        found.append(any(one.differs for one in standings(added, NDCG, 0.95)))
    assert sum(found) <= 8  # three standard deviations above the three to be expected


def test_many_models_may_still_differ() -> None:
    added = {f"alike-{name}": add_up(of(BASE + name * 1e-6), resamples=100) for name in range(12)}
    *_, worst = standings({**added, "worse": add_up(of(BASE * 0.5), resamples=100)}, NDCG, 0.95)
    assert (worst.name, worst.verdict) == ("worse", "clearly behind")
