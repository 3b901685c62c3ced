"""Metrics that look at values, scores and ranks of held-out items."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import Judged, outcomes_of

from toplists.engine.kernels.metrics import finished, measure
from toplists.engine.kernels.outcomes import unknown_traits

NO_TRAITS = unknown_traits(100)


def figure(metric: str, *users: Judged) -> float:
    """The figure of some users; NaN where none counts."""
    numerators, denominators = measure(outcomes_of(*users), NO_TRAITS, [metric])[metric]
    assert np.all(numerators[denominators == 0] == 0)
    with np.errstate(invalid="ignore"):
        return float(finished(np.array([numerators.sum() / denominators.sum()]), [metric])[0])


class TestErrors:
    """Errors of 2, 3, 1 and 0, of two users."""

    users = (
        Judged(values={1: 3.0, 2: 4.0}, scores={1: 5.0, 2: 1.0}),
        Judged(values={1: 3.5, 9: 2.0}, scores={1: 4.5, 9: 2.0}),
    )

    def test_known_answers(self) -> None:
        assert figure("mae", *self.users) == 1.5
        assert figure("mse", *self.users) == 3.5
        assert figure("rmse", *self.users) == pytest.approx(1.87, abs=0.001)
        assert figure("predictable", *self.users) == 1.0

    def test_they_are_over_pairs_not_over_users(self) -> None:
        # Errors 0, 0, 0 of one user and 4 of another: means over users would be 2.
        users = (
            Judged(values={1: 1, 2: 1, 3: 1}, scores={1: 1, 2: 1, 3: 1}),
            Judged(values={1: 1}, scores={1: 5}),
        )
        assert (figure("mae", *users), figure("rmse", *users)) == (1.0, 2.0)

    def test_what_cannot_be_scored_is_told_apart(self) -> None:
        # A value without a score, a score without a value, and a user with nothing.
        unscored = Judged(values={4: 5.0})
        unvalued = Judged(liked=[5], scores={5: 1.0})
        users = (*self.users, unscored, unvalued, Judged())
        assert figure("mae", *users) == 1.5
        assert figure("predictable", *users) == 0.8

    @pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "predictable"])
    def test_without_values_there_is_no_figure(self, metric: str) -> None:
        assert np.isnan(figure(metric, Judged([1], liked=[1], scores={1: 1.0})))


class TestHitsByValue:
    """Four users with one held-out item: its rank in the list and its value."""

    hits = ((4, 5.0), (2, 3.0), (1, 5.0), (10, 2.0))
    users = tuple(Judged([*range(50, 49 + rank), 7, 90], values={7: value}) for rank, value in hits)

    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            ("cumulative_hit_rate@10>=3", 1.0),
            ("cumulative_hit_rate@3>=3", 2 / 3),
            ("cumulative_hit_rate@3>=5", 1 / 2),
            ("cumulative_hit_rate@9>=2", 3 / 4),
            ("rating_hit_rate@10=5", 1.0),
            ("rating_hit_rate@3=5", 1 / 2),
            ("rating_hit_rate@10=3", 1.0),
            ("rating_hit_rate@10=2", 1.0),
            ("rating_hit_rate@9=2", 0.0),
        ],
    )
    def test_known_answers(self, metric: str, expected: float) -> None:
        assert figure(metric, *self.users) == expected

    def test_nobody_has_such_a_value(self) -> None:
        assert np.isnan(figure("cumulative_hit_rate@10>=5.5", *self.users))
        assert np.isnan(figure("rating_hit_rate@10=4", *self.users))

    def test_a_user_without_a_list_counts(self) -> None:
        assert figure("cumulative_hit_rate@10>=3", *self.users, Judged(values={1: 4.0})) == 3 / 4

    def test_values_are_compared_as_they_are_kept(self) -> None:
        # 3.3 has no exact form, and is kept in fewer digits than the name's.
        assert figure("rating_hit_rate@1=3.3", Judged([1], values={1: 3.3})) == 1.0
        assert figure("cumulative_hit_rate@1>=3.3", Judged([1], values={1: 3.3})) == 1.0


class TestGradedNdcg:
    def test_known_answer(self) -> None:
        # Values 3, 2 and 1 gain 7, 3 and 1; the list has them at ranks 2, 1 and not at all.
        user = Judged([2, 1], liked=[1, 2, 3], values={1: 3.0, 2: 2.0, 3: 1.0})
        gain, ideal = 3 + 7 / log2(3), 7 + 3 / log2(3) + 1 / 2
        assert figure("graded_ndcg@10", user) == pytest.approx(gain / ideal)
        assert figure("graded_ndcg@1", user) == pytest.approx(3 / 7)

    def test_what_was_not_liked_or_has_no_value_gains_nothing(self) -> None:
        user = Judged([1, 2, 3, 4], liked=[2, 3, 4], values={1: 5.0, 3: 0.0, 4: 1.0})
        assert figure("graded_ndcg@10", user) == pytest.approx(1 / log2(5))
        assert np.isnan(figure("graded_ndcg@10", Judged([1, 2], liked=[2], values={1: 5.0})))
        assert np.isnan(figure("graded_ndcg@10", Judged([1], liked=[1], values={1: -2.0})))

    def test_amounts_of_any_size_do_not_overflow(self) -> None:
        user = Judged([2, 1], liked=[1, 2], values={1: 5000.0, 2: 4999.0})
        assert figure("graded_ndcg@2", user) == pytest.approx(
            (1 / 2 + 1 / log2(3)) / (1 + 1 / 2 / log2(3))
        )


class TestAuc:
    def test_known_answer(self) -> None:
        # Ranks 1 and 4 of 5 candidates: of 2 x 3 pairs, the second liking loses 2.
        user = Judged(liked=[1, 2], ranks={1: 1, 2: 4}, candidates=5, scored=5)
        assert figure("auc", user) == pytest.approx(4 / 6)

    def test_what_has_no_score_is_tied_at_the_end(self) -> None:
        # 6 candidates, of which 3 are scored: 1 liking and 2 others. Of the unscored, 1 is a liking: it
        # loses to 2 others, and is tied with 2.
        user = Judged(liked=[1, 2], ranks={1: 2}, candidates=6, scored=3)
        assert figure("auc", user) == pytest.approx((3 / 4 + 1 / 4) / 2)

    def test_a_model_that_scores_nothing_is_chance(self) -> None:
        assert figure("auc", Judged(liked=[1, 2], candidates=9)) == 0.5

    def test_what_is_held_out_but_not_liked_is_another_candidate(self) -> None:
        user = Judged(liked=[1], ranks={1: 2, 5: 1}, candidates=3, scored=3)
        assert figure("auc", user) == 0.5

    def test_without_a_pair_nobody_counts(self) -> None:
        # All candidates are liked; nothing is.
        assert np.isnan(figure("auc", Judged(liked=[1], ranks={1: 1}, candidates=1, scored=1)))
        assert np.isnan(figure("auc", Judged(ranks={1: 1}, candidates=4, scored=4)))

    def test_refuses_counts_that_contradict_the_ranks(self) -> None:
        with pytest.raises(ValueError, match="contradict"):
            figure("auc", Judged(liked=[1], ranks={1: 1}, candidates=4, scored=0))
        with pytest.raises(ValueError, match="contradict"):
            figure("auc", Judged(liked=[1], ranks={1: 1}, candidates=4, scored=5))

    def test_refuses_to_guess_how_many_are_scored(self) -> None:
        outcomes = outcomes_of(Judged(liked=[1], ranks={1: 1}, candidates=4))
        with pytest.raises(ValueError, match="how many candidates"):
            measure(outcomes._replace(scored=None), NO_TRAITS, ["auc"])


@st.composite
def judged_users(draw: st.DrawFn) -> tuple[Judged, dict[int, float]]:
    """A user whose model scores some of 12 items, and the score of each, where unscored is below all."""
    scored = draw(st.dictionaries(st.integers(0, 11), st.integers(0, 4).map(float)))
    order = sorted(scored, key=lambda item: (-scored[item], item))
    targets = draw(st.lists(st.integers(0, 11), unique=True, max_size=8))
    liked = [item for item in targets if draw(st.booleans())]
    values = st.sampled_from([0.5, 1.0, 2.5, 4.0, 5.0])
    user = Judged(
        listed=order[: draw(st.integers(0, 12))],
        liked=liked,
        values={item: draw(values) for item in targets if draw(st.booleans())},
        scores={item: scored[item] for item in targets if item in scored},
        ranks={item: order.index(item) + 1 for item in targets if item in scored},
        candidates=12,
        scored=len(scored),
    )
    return user, scored


def plain(metric: str, user: Judged, scored: dict[int, float], k: int) -> tuple[float, float]:
    """Numerator and denominator, by the definitions as they are read."""
    pairs = [(user.scores[i], user.values[i]) for i in user.values if i in user.scores]
    top = list(user.listed)[:k]
    if metric == "mae":
        return sum(abs(score - value) for score, value in pairs), len(pairs)
    if metric in ("mse", "rmse"):
        return sum((score - value) ** 2 for score, value in pairs), len(pairs)
    if metric == "predictable":
        return len(pairs), len(user.values)
    if metric.startswith(("cumulative", "rating")):
        least = metric.startswith("cumulative")
        wanted = [i for i, v in user.values.items() if (v >= 2.5 if least else v == 2.5)]
        return float(any(i in top for i in wanted)), float(bool(wanted))
    if metric.startswith("graded"):
        gains = {i: 2 ** user.values[i] - 1 for i in user.liked if i in user.values}
        dcg = sum(gains.get(item, 0) / log2(rank + 1) for rank, item in enumerate(top, start=1))
        best = sorted(gains.values(), reverse=True)[:k]
        ideal = sum(gain / log2(rank + 1) for rank, gain in enumerate(best, start=1))
        return (dcg / ideal, 1.0) if gains else (0.0, 0.0)
    wins = []
    for one in user.liked:
        for other in set(range(12)) - set(user.liked):
            mine, theirs = scored.get(one, -1.0), scored.get(other, -1.0)
            if mine == theirs == -1.0:
                wins.append(0.5)
            else:
                wins.append(float((-mine, one) < (-theirs, other)))
    return (sum(wins) / len(wins), 1.0) if wins else (0.0, 0.0)


@given(st.lists(judged_users(), min_size=1, max_size=5), st.integers(1, 12))
def test_equals_the_definitions(users: list[tuple[Judged, dict[int, float]]], k: int) -> None:
    names = (
        *("mae", "mse", "rmse", "predictable", "auc"),
        *(f"cumulative_hit_rate@{k}>=2.5", f"rating_hit_rate@{k}=2.5", f"graded_ndcg@{k}"),
    )
    measured = measure(outcomes_of(*(user for user, _ in users)), NO_TRAITS, names)
    for row, (user, scored) in enumerate(users):
        for name in names:
            numerators, denominators = measured[name]
            numerator, denominator = plain(name, user, scored, k)
            assert denominators[row] == denominator, name
            assert numerators[row] == pytest.approx(numerator, abs=1e-12), name
