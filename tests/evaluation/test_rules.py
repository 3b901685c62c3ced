"""The gate's rules by made-up figures, one at a time."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from toplists.config.gate_rules import (
    BoundRule,
    ChurnRule,
    DriftRule,
    GateRule,
    LossRule,
    NewShareRule,
    TrendRule,
)
from toplists.engine.kernels.bootstrap import interval, poisson_weights
from toplists.engine.kernels.draws import hash_ids
from toplists.evaluation.comparison import Figure
from toplists.evaluation.rules import Evidence, RuleOutcome, judge_rule
from toplists.evaluation.trend import Standing, follow


def judge(
    rule: GateRule, *figures: Figure, earlier: list[list[Figure]] | None = None
) -> RuleOutcome:
    """The outcome by these figures, the first of them the model's own."""
    return judge_rule(rule, Evidence(figures, earlier or [], min_users=200, confidence=0.95))


def own(value: float, low: float, high: float, *, users: int = 500, slice_: str = "") -> Figure:
    return Figure("als", "ndcg@10", "", value, low, high, users, slice_)


def night(ratio: float, *, spread: float = 0.01, metric: str = "ndcg@10") -> list[Figure]:
    """Figures of a night whose model is `ratio` times as good as popularity, give or take `spread`."""
    difference = (ratio - 1.0) * 0.05
    return [
        Figure("als", metric, "", 0.05 * ratio, 0.0, 1.0, 500),
        Figure("popularity", metric, "", 0.05, 0.0, 1.0, 500),
        Figure(
            "als", metric, "popularity", difference, difference - spread, difference + spread, 500
        ),
    ]


class TestSlices:
    rule = LossRule(rule="loss", against="popularity", metric="ndcg@10", slice="activity=low")

    def figures(self, low: float, high: float, users: int = 500) -> list[Figure]:
        """Everybody is well served; of the slice, the interval of the difference is given."""
        middle = (low + high) / 2
        return [
            *night(1.5, spread=0.001),
            Figure("als", "ndcg@10", "", 0.05 + middle, 0.0, 1.0, users, "activity=low"),
            Figure("popularity", "ndcg@10", "", 0.05, 0.0, 1.0, users, "activity=low"),
            Figure("als", "ndcg@10", "popularity", middle, low, high, users, "activity=low"),
        ]

    def test_a_rule_looks_at_its_slice_only(self) -> None:
        outcome = judge(self.rule, *self.figures(-0.03, -0.01))
        assert outcome.state == "blocked"
        assert outcome.sentence.startswith("ndcg@10 (activity=low) 0.030 is clearly below")
        assert (outcome.value, outcome.low, outcome.high) == (-0.02, -0.03, -0.01)
        assert outcome.threshold == pytest.approx(-0.001)
        everybody = self.rule.model_copy(update={"slice": ""})
        assert judge(everybody, *self.figures(-0.03, -0.01)).state == "passed"

    def test_a_slice_of_too_few_users_warns(self) -> None:
        assert judge(self.rule, *self.figures(-0.03, -0.01, users=199)).state == "warned"
        assert judge(self.rule, *self.figures(0.01, 0.03, users=199)).state == "not_judged"

    def test_a_slice_that_was_not_measured_is_not_judged(self) -> None:
        outcome = judge(self.rule, *night(1.5))
        assert (outcome.state, outcome.value) == ("not_judged", None)
        assert "(activity=low) was not compared with popularity's" in outcome.sentence


@pytest.mark.parametrize(
    ("low", "high", "state", "words"),
    [
        (0.1, 0.2, "blocked", "rmse 1.050 is clearly above the live configuration's 0.900"),
        (0.01, 0.2, "passed", "is above, but not clearly by more than is allowed,"),
        (-0.1, 0.1, "passed", "is no real difference from"),
        (-0.2, -0.1, "passed", "is clearly below"),
    ],
)
def test_less_is_better_of_errors(low: float, high: float, state: str, words: str) -> None:
    rule = LossRule(rule="loss", against="live", metric="rmse")
    middle = (low + high) / 2
    outcome = judge(
        rule,
        Figure("als", "rmse", "", 0.9 + middle, 0.0, 2.0, 500),
        Figure("live", "rmse", "", 0.9, 0.0, 2.0, 500),
        Figure("als", "rmse", "live", middle, low, high, 500),
    )
    assert outcome.state == state
    assert words in outcome.sentence
    assert outcome.threshold == pytest.approx(0.018)


@pytest.mark.parametrize(
    ("kind", "low", "high", "state"),
    [
        ("floor", 0.01, 0.049, "blocked"),
        ("floor", 0.01, 0.051, "passed"),
        ("floor", 0.06, 0.08, "passed"),
        ("ceiling", 0.051, 0.09, "blocked"),
        ("ceiling", 0.049, 0.09, "passed"),
        ("ceiling", 0.01, 0.02, "passed"),
    ],
)
def test_a_bound_is_crossed_by_the_whole_interval(
    kind: str, low: float, high: float, state: str
) -> None:
    rule = BoundRule.model_validate({"rule": kind, "metric": "ndcg@10", "limit": 0.05})
    assert judge(rule, own((low + high) / 2, low, high)).state == state
    warning = rule.model_copy(update={"action": "warn"})
    expected = "warned" if state == "blocked" else state
    assert judge(warning, own((low + high) / 2, low, high)).state == expected


def test_a_figure_without_an_interval_is_certain() -> None:
    rule = BoundRule(rule="floor", metric="ndcg@10", limit=0.05)
    assert judge(rule, Figure("als", "ndcg@10", "", 0.04, nan, nan, 500)).state == "blocked"


def test_nothing_measured_is_nothing_judged() -> None:
    rules: list[GateRule] = [
        LossRule(rule="loss", against="live", metric="ndcg@10"),
        BoundRule(rule="floor", metric="ndcg@10", limit=0.05),
        TrendRule(rule="trend", metric="ndcg@10"),
        ChurnRule(rule="churn"),
        DriftRule(rule="drift", of="values"),
        NewShareRule(rule="new_share", of="users", max_share=0.5),
    ]
    outcomes = [judge(rule) for rule in rules]
    assert {outcome.state for outcome in outcomes} == {"not_judged"}
    assert [outcome.rule["rule"] for outcome in outcomes] == [rule.rule for rule in rules]


@pytest.mark.parametrize(("share", "state"), [(0.51, "warned"), (0.5, "passed")])
def test_churn_is_counted_however_few_users_there_are(share: float, state: str) -> None:
    changed = Figure("lists", "jaccard@10<0.25", "live", share, nan, nan, 60)
    outcome = judge(ChurnRule(rule="churn"), own(0.05, 0.04, 0.06), changed)
    assert outcome.state == state
    assert f"{share:.1%} of 60 users have another list" in outcome.sentence
    other = ChurnRule(rule="churn", similarity="rbo")
    assert judge(other, own(0.05, 0.04, 0.06), changed).state == "not_judged"


@pytest.mark.parametrize(
    ("index", "users", "state"),
    [(0.26, 500, "warned"), (0.25, 500, "passed"), (0.05, 199, "not_judged")],
)
def test_drift(index: float, users: int, state: str) -> None:
    figure = Figure("snapshot", "values_psi", "live", index, nan, nan, users)
    assert judge(DriftRule(rule="drift", of="values"), own(0.05, 0.04, 0.06), figure).state == state


@pytest.mark.parametrize(("share", "state"), [(0.31, "blocked"), (0.3, "passed")])
def test_new_ids(share: float, state: str) -> None:
    rule = NewShareRule(rule="new_share", of="items", max_share=0.3, action="block")
    figure = Figure("snapshot", "new_items", "live", share, nan, nan, 40)
    assert judge(rule, own(0.05, 0.04, 0.06), figure).state == state


class TestTrend:
    rule = TrendRule(rule="trend", metric="ndcg@10", nights=3, degraded=2)

    def outcome(self, ratios: list[float], *, spread: float = 0.001) -> RuleOutcome:
        """The outcome of the last night of these."""
        *before, tonight = [night(ratio, spread=spread) for ratio in ratios]
        return judge(self.rule, *tonight, earlier=before)

    def test_twice_as_many_nights_are_needed(self) -> None:
        outcome = self.outcome([1.5] * 5)
        assert outcome.state == "not_judged"
        assert "judged from 6 nights on; there are 5, with this one" in outcome.sentence

    def test_as_good_as_ever(self) -> None:
        outcome = self.outcome([1.5, 1.52, 1.48, 1.5, 1.49, 1.51])
        assert (outcome.state, outcome.value) == ("passed", 0)

    @pytest.mark.parametrize(
        ("last", "state"),
        [
            ([1.3, 1.3, 1.3], "warned"),
            ([1.5, 1.3, 1.3], "warned"),
            ([1.3, 1.5, 1.3], "warned"),  # not in a row
            ([1.5, 1.5, 1.3], "passed"),  # one night is none
            ([1.48, 1.48, 1.48], "passed"),  # within what may be lost: 2 % of 1.5
        ],
    )
    def test_k_of_the_last_m(self, last: list[float], state: str) -> None:
        outcome = self.outcome([1.5, 1.5, 1.5, *last])
        assert outcome.state == state
        assert outcome.threshold == 2

    def test_what_may_be_chance_does_not_count(self) -> None:
        assert self.outcome([1.5, 1.5, 1.5, 1.3, 1.3, 1.3], spread=0.01).state == "passed"

    def test_a_slow_loss_that_no_night_shows_by_itself(self) -> None:
        # A percent a night, and each night's model is as good as the one before, by chance.
        ratios = [1.5 * 0.99**day for day in range(14)]
        trend = follow([Standing(ratio, 1.005 * ratio) for ratio in ratios], 7, 0.02)
        assert trend is not None
        assert all(trend.degraded)

    @pytest.mark.parametrize(("loss", "least", "most"), [(0.0, 0, 5), (0.1, 450, 500)])
    def test_chance_does_not_flap_it_and_a_real_loss_is_told(
        self, loss: float, least: int, most: int
    ) -> None:
        # Five hundred histories of two weeks, in the second of which the loss is there; intervals are of
        # two standard deviations, and nights as independent as nights of the same users never are.
        quality = np.where(np.arange(14) < 7, 1.5, 1.5 * (1.0 - loss))
        noise = np.random.default_rng(1).normal(0.0, 0.03, size=(500, 14))
        told = 0
        for ratios in quality + noise:
            trend = follow([Standing(ratio, ratio + 0.06) for ratio in ratios], 7, 0.0)
            assert trend is not None
            told += sum(trend.degraded) >= 4
        assert least <= told <= most

    def test_nights_without_that_figure_do_not_count(self) -> None:
        nights = [night(1.5, metric="mrr@10") for _ in range(9)]
        assert judge(self.rule, *night(1.5), earlier=nights).state == "not_judged"

    def test_popularity_at_zero_is_no_yardstick(self) -> None:
        nothing = [Figure("popularity", "ndcg@10", "", 0.0, 0.0, 0.0, 500)]
        assert judge(self.rule, night(1.5)[0], *nothing).state == "not_judged"


class TestNoise:
    """Nights whose quality is known: values of users, through the bootstrap and the rules."""

    users = 500
    rules = (
        LossRule(rule="loss", against="live", metric="ndcg@10", max_loss=0.0),
        BoundRule(rule="floor", metric="ndcg@10", limit=0.4),
    )

    def refused(self, nights: int, quality: float) -> np.ndarray:
        """How many nights each rule refuses a model of that share of the live one's quality, 0.4."""
        hashes = hash_ids(map(str, range(self.users)))
        counts = np.zeros(len(self.rules), dtype=int)
        for number in range(nights):
            rng = np.random.default_rng(number)
            taste = rng.beta(2.0, 3.0, size=self.users)  # what is hard for one model is for another
            live, model = (
                np.clip(taste + rng.normal(0.0, 0.1, self.users), 0.0, 1.0) for _ in "ab"
            )
            figures = self.figures(np.stack([model * quality, live], axis=1), hashes, number)
            evidence = Evidence(figures, [], min_users=200, confidence=0.95)
            counts += [judge_rule(rule, evidence).state == "blocked" for rule in self.rules]
        return counts

    def figures(self, values: np.ndarray, hashes: np.ndarray, seed: int) -> list[Figure]:
        """Means of both models, and their difference, with intervals of the paired bootstrap."""
        weights = poisson_weights(hashes, 200, seed).T / 1.0
        resampled = weights @ values / weights.sum(axis=1, keepdims=True)
        own = [values.mean(axis=0), *interval(resampled, 0.95)]
        apart = interval(resampled[:, :1] - resampled[:, 1:], 0.95)
        difference = values[:, 0].mean() - values[:, 1].mean()
        return [
            *(Figure(name, "ndcg@10", "", *(end[i] for end in own), self.users)
              for i, name in enumerate(("als", "live"))),
            Figure("als", "ndcg@10", "live", difference, apart[0][0], apart[1][0], self.users),
        ]  # fmt: skip

    @pytest.mark.parametrize("nights", [60, pytest.param(2000, marks=pytest.mark.long)])
    def test_equal_quality_is_refused_at_the_nominal_rate_at_most(self, nights: int) -> None:
        # 2.5 % of the nights where nothing may be lost: three standard deviations more are chance.
        most = 0.025 * nights + 3 * (0.025 * nights) ** 0.5
        assert (self.refused(nights, 1.0) <= most).all()

    def test_a_loss_of_a_tenth_is_refused_in_most_nights(self) -> None:
        assert (self.refused(30, 0.9) >= 27).all()
