"""Metrics of what lists hold."""

from __future__ import annotations

from itertools import combinations
from math import log, log2, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import Judged, outcomes_of, traits_of

from toplists.engine.kernels.metrics import measure
from toplists.engine.kernels.outcomes import ItemTraits

# Eight users liked 12 times in all: items 0 and 1 are the head, which has at least 80 %.
RATERS = [8, 2, 1, 1, 0]
TRAITS = traits_of(RATERS, 8, [[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]])


def figure(metric: str, user: Judged, traits: ItemTraits = TRAITS) -> float:
    """The figure of one user; NaN where the user does not count."""
    numerators, denominators = measure(outcomes_of(user), traits, [metric])[metric]
    return float(numerators[0]) if denominators[0] else np.nan


@pytest.mark.parametrize(
    ("metric", "listed", "expected"),
    [
        # -log2 of 8/8, 2/8, and of 1/8 for what nobody liked.
        ("novelty@10", [0, 1, 4], (0 + 2 + 3) / 3),
        ("novelty@2", [0, 1, 4], 1.0),
        # Items 2 and 3 share ranks 3 and 4.
        ("popularity_rank@10", [0, 1, 4], (1 + 2 + 5) / 3),
        ("popularity_rank@10", [2, 3], 3.5),
        ("tail_share@10", [0, 1, 4], 1 / 3),
        ("tail_share@10", [2, 3, 4], 1.0),
        # Genres: the same, then at a right angle, then half-way.
        ("diversity@10", [0, 1], 0.0),
        ("diversity@10", [0, 2], 1.0),
        ("diversity@10", [0, 2, 3], (1 + 2 * (1 - 1 / sqrt(2))) / 3),
        # What is not described is no pair.
        ("diversity@10", [0, 4, 2], 1.0),
        ("diversity@10", [0, 4], 0.0),
        ("diversity@10", [0], 0.0),
        ("user_coverage@10", [0], 1.0),
    ],
)
def test_known_answers(metric: str, listed: list[int], expected: float) -> None:
    assert figure(metric, Judged(listed)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "metric",
    [
        *("novelty@10", "popularity_rank@10", "tail_share@10", "unexpectedness@10"),
        *("diversity@10", "personal_share@10", "user_coverage@10"),
    ],
)
def test_a_user_without_a_list_counts_as_zero(metric: str) -> None:
    assert figure(metric, Judged(history=[0], liked=[1])) == 0.0


class TestUnexpectedness:
    def test_popularity_itself_is_expected(self) -> None:
        # The first was seen before: popularity lists the next ones, equals by position.
        assert figure("unexpectedness@3", Judged([1, 2, 3], history=[0])) == 0.0
        assert figure("unexpectedness@2", Judged([1, 3], history=[0])) == 0.5
        assert figure("unexpectedness@2", Judged([3, 4], history=[0])) == 1.0

    def test_a_short_list_is_judged_by_what_it_holds(self) -> None:
        assert figure("unexpectedness@2", Judged([4], history=[0])) == 1.0

    def test_refuses_to_do_without_histories(self) -> None:
        outcomes = outcomes_of(Judged([1]))._replace(history=None)
        with pytest.raises(ValueError, match="needs what the users had seen"):
            measure(outcomes, TRAITS, ["unexpectedness@2"])


class TestCalibration:
    def test_the_same_taste_is_at_no_distance(self) -> None:
        assert figure("calibration@10", Judged([0, 2], history=[3])) == pytest.approx(0, abs=1e-12)

    def test_known_answer(self) -> None:
        # Taste 3/4 and 1/4; the list has the first genre only.
        offered = 0.99 * 1 + 0.01 * 0.75, 0.01 * 0.25
        expected = 0.75 * log(0.75 / offered[0]) + 0.25 * log(0.25 / offered[1])
        assert figure("calibration@10", Judged([1], history=[0, 3])) == pytest.approx(expected)

    @pytest.mark.parametrize(
        "listed", [[], [4], [2]], ids=["none", "undescribed", "the other genre"]
    )
    def test_nothing_of_the_taste_is_the_worst(self, listed: list[int]) -> None:
        assert figure("calibration@10", Judged(listed, history=[0])) == pytest.approx(log(100))

    def test_users_whose_taste_is_not_known_do_not_count(self) -> None:
        assert np.isnan(figure("calibration@10", Judged([0], history=[4])))
        assert np.isnan(figure("calibration@10", Judged([0])))

    def test_refuses_features_that_are_no_amounts(self) -> None:
        with pytest.raises(ValueError, match="none is below 0"):
            figure("calibration@1", Judged([0], history=[0]), traits_of([1], 1, [[-1.0, 1.0]]))

    def test_refuses_to_do_without_histories(self) -> None:
        outcomes = outcomes_of(Judged([1]))._replace(history=None)
        with pytest.raises(ValueError, match="needs what the users had seen"):
            measure(outcomes, TRAITS, ["calibration@2"])


def test_the_models_own_share_of_a_list() -> None:
    # The first two of four entries are the model's.
    user = Judged([0, 1, 2, 3], personal=2)
    assert figure("personal_share@4", user) == 0.5
    assert figure("personal_share@3", user) == pytest.approx(2 / 3)
    assert figure("personal_share@1", user) == 1.0


@pytest.mark.parametrize("metric", ["novelty@5", "popularity_rank@5", "tail_share@5"])
def test_without_likings_nobody_counts(metric: str) -> None:
    assert np.isnan(figure(metric, Judged([0]), traits_of([0, 0], 0)))


@pytest.mark.parametrize("genres", [None, [[0, 0]] * 5], ids=["no features", "none described"])
def test_without_features_nobody_counts(genres: list[list[float]] | None) -> None:
    traits = traits_of(RATERS, 8, genres)
    assert np.isnan(figure("diversity@5", Judged([0, 1]), traits))
    assert np.isnan(figure("calibration@5", Judged([0, 1], history=[0]), traits))


def plain(kind: str, user: Judged, raters: list[int], genres: list[list[int]], k: int) -> float:
    """The definitions, as they are read; NaN for a user who does not count."""
    listed = list(user.listed)[:k]
    users = 20
    order = sorted(range(len(raters)), key=lambda item: (-raters[item], item))
    if kind == "user_coverage":
        return float(bool(listed))
    if kind == "calibration":
        return plain_calibration(listed, user.history, genres)
    if kind == "diversity":
        if not any(map(any, genres)):
            return np.nan
        pairs = [*combinations([genres[item] for item in listed if any(genres[item])], 2)]
        angles = [
            sum(x * y for x, y in zip(one, other, strict=True))
            / sqrt(sum(x * x for x in one) * sum(y * y for y in other))
            for one, other in pairs
        ]
        return sum(1 - angle for angle in angles) / len(pairs) if pairs else 0.0
    if not listed:
        return 0.0
    if kind == "novelty":
        return sum(-log2(max(raters[item], 1) / users) for item in listed) / len(listed)
    if kind == "popularity_rank":
        ranks = {
            item: np.mean([order.index(j) + 1 for j in order if raters[j] == raters[item]])
            for item in listed
        }
        return float(sum(ranks.values()) / len(listed))
    if kind == "tail_share":
        head: list[int] = []
        while sum(raters[item] for item in head) < 0.8 * sum(raters):
            head.append(order[len(head)])
        return sum(item not in head for item in listed) / len(listed)
    if kind == "unexpectedness":
        expected = [item for item in order if item not in user.history][:k]
        return sum(item not in expected for item in listed) / len(listed)
    assert kind == "personal_share"
    return min(user.personal, len(listed)) / len(listed)


def plain_calibration(listed: list[int], history: list[int], genres: list[list[int]]) -> float:
    def spread(items: list[int]) -> list[float]:
        described = [genres[item] for item in items if any(genres[item])]
        return [
            sum(one[g] / sum(one) for one in described) / max(1, len(described)) for g in range(3)
        ]

    taste, offered = spread(list(history)), spread(listed)
    if not any(taste):
        return np.nan
    return sum(p * log(p / (0.99 * q + 0.01 * p)) for p, q in zip(taste, offered, strict=True) if p)


@st.composite
def listed_users(draw: st.DrawFn) -> Judged:
    history = draw(st.lists(st.integers(0, 9), unique=True, max_size=5))
    unseen = [item for item in range(10) if item not in history]
    listed = draw(st.permutations(unseen))[: draw(st.integers(0, 10))]
    personal = draw(st.integers(0, len(listed)))
    return Judged(listed, history=history, personal=personal)


@given(
    st.lists(listed_users(), min_size=1, max_size=4),
    st.lists(st.integers(0, 20), min_size=10, max_size=10),
    st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=10, max_size=10),
    st.integers(1, 12),
)
def test_equals_the_definitions(
    users: list[Judged], raters: list[int], genres: list[list[int]], k: int
) -> None:
    kinds = (
        *("novelty", "popularity_rank", "tail_share", "unexpectedness", "diversity"),
        *("calibration", "personal_share", "user_coverage"),
    )
    names = [f"{kind}@{k}" for kind in kinds]
    measured = measure(outcomes_of(*users), traits_of(raters, 20, genres), names)
    # Genres of length 1 are the same amounts up to a factor, as long as none counts twice.
    for row, user in enumerate(users):
        for kind, (numerators, denominators) in zip(kinds, measured.values(), strict=True):
            expected = plain(kind, user, raters, genres, k)
            assert denominators[row] == (not np.isnan(expected)), kind
            assert numerators[row] == pytest.approx(np.nan_to_num(expected), abs=1e-6), kind
