"""What holds for all metrics alike: any order, any blocks, planted truths, bounds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.bootstrap import Sums, no_sums, partial_sums, resampled_means
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.metrics import KINDS, bounds, finished, measure
from toplists.engine.kernels.outcomes import ItemTraits, Measured, Outcomes

ITEMS, DEPTH, VALUES = 60, 20, (0.5, 5.0)
SCALE = Scale(users=300, items=ITEMS, largest_error=4.5, most_targets=8)


def named(kind: str, cutoff: int) -> str:
    """A metric of each kind."""
    definition = KINDS[kind]
    name = kind + (f"@{cutoff}" if definition.cutoff else "")
    return name + (f"{definition.comparison}4" if definition.comparison else "")


METRICS = tuple(dict.fromkeys(named(kind, cutoff) for cutoff in (5, 20) for kind in KINDS))


class World:
    """Users with histories and held-out items, and what a model that scores some pairs comes to.

    `scores` float64[users, items], NaN where there is none; the model's lists are by score, then position.
    """

    def __init__(self, users: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        draws = np.argsort(rng.random((users, ITEMS)), axis=1)
        self.history = [np.sort(row[: 3 + n % 5]) for n, row in enumerate(draws)]
        # Every fifth user has nothing held out.
        self.targets = [np.sort(row[10 : 10 + (n % 5) * 2]) for n, row in enumerate(draws)]
        self.values = [
            np.where(rng.random(len(own)) < 0.2, np.nan, rng.integers(1, 11, len(own)) / 2)
            for own in self.targets
        ]
        self.liked = [(own >= 3) | np.isnan(own) for own in self.values]
        self.scores = rng.uniform(*VALUES, (users, ITEMS))
        self.scores[rng.random((users, ITEMS)) < 0.3] = np.nan
        self.traits = ItemTraits(
            raters=rng.integers(0, 300, ITEMS),
            users=300,
            features=np.eye(5, dtype=np.float32)[rng.integers(0, 5, ITEMS)]
            * (rng.random((ITEMS, 1)) < 0.8),
        )

    def outcomes(self, users: np.ndarray, scores: np.ndarray | None = None) -> Outcomes:
        """What the model comes to for some users, by these scores instead of its own where given."""
        scores = self.scores if scores is None else scores
        rows = []
        for user in users:
            candidates = np.setdiff1d(np.arange(ITEMS), self.history[user])
            scored = candidates[np.isfinite(scores[user, candidates])]
            order = scored[np.argsort(-scores[user, scored], kind="stable")]
            ranks = np.zeros(ITEMS, dtype=np.int64)
            ranks[order] = np.arange(1, len(order) + 1)
            listed = np.full(DEPTH, -1, dtype=np.int32)
            listed[: len(order[:DEPTH])] = order[:DEPTH]
            own = self.targets[user]
            rows.append((listed, scores[user, own], ranks[own], len(candidates), len(scored)))
        lists, predicted, ranks, candidates, scored = zip(*rows, strict=True)
        targets, history = ([one[user] for user in users] for one in (self.targets, self.history))
        values, liked = ([one[user] for user in users] for one in (self.values, self.liked))
        return Outcomes(
            lists=np.stack(lists),
            indptr=np.cumsum([0, *map(len, targets)]),
            items=np.concatenate(targets).astype(np.int32),
            liked=np.concatenate(liked),
            values=np.concatenate(values).astype(np.float32),
            scores=np.concatenate(predicted),
            ranks=np.concatenate(ranks),
            candidates=np.array(candidates),
            personal=np.minimum(users % 7, DEPTH),
            scored=np.array(scored),
            history=ItemSets(
                np.cumsum([0, *map(len, history)]), np.concatenate(history).astype(np.int32)
            ),
        )


@cache
def world() -> World:
    return World(40)


@cache
def whole() -> tuple[dict[str, Measured], Sums]:
    everybody = np.arange(40)
    measured = measure(world().outcomes(everybody), world().traits, METRICS)
    return measured, summed(measured, everybody)


def summed(measured: dict[str, Measured], users: np.ndarray) -> Sums:
    columns = (np.stack(part, axis=1) for part in zip(*measured.values(), strict=True))
    return partial_sums(*columns, hash_ids(map(str, users)), 50, 1, bounds(METRICS, SCALE))


@given(st.permutations(range(40)), st.lists(st.integers(0, 40), max_size=4))
def test_any_order_and_any_blocks_give_the_same_bits(order: list[int], cuts: list[int]) -> None:
    expected, expected_sums = whole()
    sums = no_sums(50, len(METRICS))
    for users in np.split(np.array(order), sorted(cuts)):
        if not len(users):
            continue
        measured = measure(world().outcomes(users), world().traits, METRICS)
        for name in METRICS:
            for mine, all_of_them in zip(measured[name], expected[name], strict=True):
                assert np.array_equal(mine, all_of_them[users]), name
        sums = sums.plus(summed(measured, users))
    for mine, theirs in zip(sums, expected_sums, strict=True):
        assert np.array_equal(mine, theirs)


def test_every_metric_measures_somebody() -> None:
    # Else the test above would be easy to pass.
    measured, sums = whole()
    assert list(measured) == list(METRICS)
    assert np.all(sums.users >= 5)
    means, _ = resampled_means(sums, bounds(METRICS, SCALE))
    exact = [one.numerators.sum() / one.denominators.sum() for one in measured.values()]
    assert means == pytest.approx(exact, abs=1e-7)


def figures(outcomes: Outcomes, traits: ItemTraits) -> dict[str, float]:
    measured = measure(outcomes, traits, METRICS)
    ratios = [one.numerators.sum() / one.denominators.sum() for one in measured.values()]
    return dict(zip(METRICS, finished(np.array(ratios), METRICS), strict=True))


def test_an_oracle_has_the_best_of_every_metric_of_hits_and_errors() -> None:
    one = World(50)
    scores = np.full((50, ITEMS), 0.0)
    for user, (targets, values, liked) in enumerate(
        zip(one.targets, one.values, one.liked, strict=True)
    ):
        # Likings by value, then what was held out and not liked, then the rest.
        scores[user, targets] = np.where(liked, 10.0, -1.0) + np.nan_to_num(values)
    found = figures(one.outcomes(np.arange(50), scores), one.traits)
    for kind in ("hit_rate", "recall", "capped_recall", "ndcg", "graded_ndcg", "map", "mrr"):
        # Up to 8 are held out: 5 places do not hold them all, unless the metric is capped at the best.
        cutoffs = (20,) if kind == "recall" else (5, 20)
        assert all(found[f"{kind}@{cutoff}"] == 1.0 for cutoff in cutoffs), kind
    assert found["cumulative_hit_rate@5>=4"] == found["auc"] == 1.0
    for user, (targets, values) in enumerate(zip(one.targets, one.values, strict=True)):
        scores[user, targets] = values
    found = figures(one.outcomes(np.arange(50), scores), one.traits)
    assert (found["rmse"], found["mae"], found["predictable"]) == (0.0, 0.0, 1.0)


def test_a_model_that_answers_half_of_the_users_scores_half() -> None:
    # Each user is there twice, and gets no list the second time.
    outcomes = world().outcomes(np.repeat(np.arange(40), 2))
    silent = np.arange(80) % 2 == 1
    halved = outcomes._replace(
        lists=np.where(silent[:, np.newaxis], -1, outcomes.lists).astype(np.int32)
    )
    with_all, with_half = figures(outcomes, world().traits), figures(halved, world().traits)
    for kind, definition in KINDS.items():
        name = named(kind, 5)
        if definition.cutoff and kind != "calibration":  # where no list is the worst, not 0
            assert with_half[name] == pytest.approx(with_all[name] / 2), name
        elif not definition.cutoff:
            assert with_half[name] == with_all[name], name


def test_random_lists_land_on_their_expectation() -> None:
    # Each place holds each candidate with the same probability.
    one = World(600, seed=2)
    scores = np.random.default_rng(5).random((600, ITEMS))
    measured = measure(one.outcomes(np.arange(600), scores), one.traits, METRICS)
    likings = np.array([int(liked.sum()) for liked in one.liked])
    open_items = np.array([ITEMS - len(own) for own in one.history])
    share = likings / open_items
    harmonic = sum(1 / rank for rank in range(1, 21))
    expectations = {
        "precision@20": share,
        "recall@20": 20 / open_items,
        "arhr@20": harmonic / open_items,
        "auc": np.full(600, 0.5),
    }
    for name, expected in expectations.items():
        numerators, denominators = measured[name]
        counted = denominators > 0
        scatter = numerators[counted].std() / np.sqrt(counted.sum())
        assert numerators[counted].mean() == pytest.approx(
            expected[counted].mean(), abs=4 * scatter
        ), name


def test_all_tied_scores_go_by_the_tie_rule_of_serving() -> None:
    # The lists are the first positions; the ranks too, so that AUC is that of the positions.
    one = World(60)
    tied = figures(one.outcomes(np.arange(60), np.ones((60, ITEMS))), one.traits)
    by_position = figures(
        one.outcomes(np.arange(60), np.tile(-np.arange(ITEMS, dtype=np.float64), (60, 1))),
        one.traits,
    )
    for kind in KINDS:
        if kind not in ("rmse", "mae", "mse"):
            assert tied[named(kind, 5)] == by_position[named(kind, 5)], kind


@pytest.mark.parametrize("kind", KINDS)
def test_more_places_than_items_are_as_good_as_all_items(kind: str) -> None:
    outcomes = world().outcomes(np.arange(40), np.ones((40, ITEMS)))
    everything, more = (
        outcomes._replace(
            lists=np.pad(outcomes.lists, ((0, 0), (0, cutoff - DEPTH)), constant_values=-1)
        )
        for cutoff in (ITEMS, 1000)
    )
    of_all = measure(everything, world().traits, [named(kind, ITEMS)])[named(kind, ITEMS)]
    of_more = measure(more, world().traits, [named(kind, 1000)])[named(kind, 1000)]
    # Of places there are more, which are empty.
    factor = 1000 / ITEMS if kind == "precision" else 1.0
    assert of_more.numerators * factor == pytest.approx(of_all.numerators)
    assert np.array_equal(of_more.denominators, of_all.denominators)


def test_bounds_are_kept_by_the_worst() -> None:
    # One user has all errors of the largest size; items are the least popular, and nobody's.
    limits = dict(zip(METRICS, bounds(METRICS, SCALE), strict=True))
    assert limits["rmse"] == 8 * 4.5**2
    assert limits["mae"] == 8 * 4.5
    assert limits["predictable"] == 8
    assert limits["ndcg@5"] == 1
    assert limits["popularity_rank@5"] == ITEMS
    assert limits["novelty@5"] == pytest.approx(np.log2(300))
    measured, _ = whole()
    for name, (numerators, _) in measured.items():
        assert np.all(numerators <= limits[name]), name
