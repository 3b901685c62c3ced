"""The Poisson bootstrap: its generator, its exactness, its coverage."""

from __future__ import annotations

from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import pdtr  # scipy.stats takes a second to load

from toplists.engine.kernels.bootstrap import (
    Sums,
    interval,
    no_sums,
    partial_sums,
    poisson_weights,
    resampled_means,
)
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.metrics import bounds, finished, measure
from toplists.engine.kernels.outcomes import ItemTraits, liked_only

MASK = 2**64 - 1


def split_mix(state: int) -> int:
    """One output of SplitMix64, on Python's integers."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def plain_weight(user_hash: int, resample: int, seed: int) -> int:
    """One weight: a 16-bit draw, put through scipy's Poisson distribution."""
    key = split_mix((user_hash + split_mix(seed)) & MASK)
    word = split_mix((key + (resample // 4 + 1) * 0x9E3779B97F4A7C15) & MASK)
    draw = (word >> (16 * (resample % 4))) & 0xFFFF
    return next(count for count in range(20) if pdtr(count, 1.0) >= (draw + 0.5) / 65536)


@given(
    st.lists(st.integers(0, MASK), min_size=1, max_size=4), st.integers(1, 30), st.integers(0, MASK)
)
def test_weights_equal_the_plain_generator(hashes: list[int], resamples: int, seed: int) -> None:
    weights = poisson_weights(np.array(hashes, dtype=np.uint64), resamples, seed)
    expected = [[plain_weight(h, b, seed) for b in range(resamples)] for h in hashes]
    assert weights.tolist() == expected


def test_the_generator_is_split_mix_64() -> None:
    # First output of the reference implementation for seed 0.
    assert split_mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF


def test_weights_are_poisson_and_independent() -> None:
    weights = poisson_weights(hash_ids(str(i) for i in range(2000)), 1000, seed=7)
    shares = np.bincount(weights.ravel(), minlength=9) / weights.size
    assert shares[:9] == pytest.approx(
        [exp(-1.0) / factorial(count) for count in range(9)], abs=6e-4
    )
    # Correlations of neighbours scatter around 0 with 1/sqrt(2 million).
    centred = weights - 1.0
    assert abs(np.mean(centred[:-1] * centred[1:])) < 0.004, "users"
    assert abs(np.mean(centred[:, :-1] * centred[:, 1:])) < 0.004, "resamples"
    assert (
        abs(np.mean(centred * (poisson_weights(hash_ids(map(str, range(2000))), 1000, 8) - 1.0)))
        < 0.004
    ), "seeds"


def test_more_resamples_continue_the_series() -> None:
    hashes = hash_ids(["ada", "bob"])
    assert np.array_equal(poisson_weights(hashes, 10, 1), poisson_weights(hashes, 101, 1)[:, :10])


def test_hashes_depend_on_the_whole_id() -> None:
    # Leading zeros, case, quotes and letters outside ASCII are different people.
    ids = ["1", "01", "a", "A", "o'neill", "é", "😀"]
    assert len(np.unique(hash_ids(ids))) == len(ids)
    assert hash_ids([]).shape == (0,)


def random_users(n_users: int, n_columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_users)
    return rng.uniform(-1, 1, (n_users, n_columns)), hash_ids(map(str, range(n_users)))


def sums_of_shares(values: np.ndarray, hashes: np.ndarray, resamples: int, seed: int) -> Sums:
    """The sums of values between -1 and 1 of users who all count."""
    return partial_sums(
        values, np.ones_like(values), hashes, resamples, seed, np.ones(values.shape[1])
    )


def means_of(sums: Sums) -> tuple[np.ndarray, np.ndarray]:
    return resampled_means(sums, np.ones(len(sums.users)))


def same(one: Sums, other: Sums) -> bool:
    return all(np.array_equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_sums_are_those_of_the_weights() -> None:
    values, hashes = random_users(500)
    sums = sums_of_shares(values, hashes, 200, seed=3)
    weights = poisson_weights(hashes, 200, seed=3).astype(np.float64)
    assert sums.numerators[1:] * 2.0**-32 == pytest.approx(weights.T @ values, abs=1e-6)
    assert np.array_equal(sums.denominators[1:, 0], weights.sum(axis=0))
    # Row 0 is the sample itself.
    assert sums.numerators[0] * 2.0**-32 == pytest.approx(values.sum(axis=0), abs=1e-6)
    assert sums.denominators[0].tolist() == sums.users.tolist() == [500, 500, 500]


@given(st.permutations(range(40)), st.lists(st.integers(0, 40), max_size=5))
def test_any_order_and_any_blocks_give_the_same_bits(order: list[int], cuts: list[int]) -> None:
    numerators, hashes = random_users(40)
    # Columns: means over all, over some, and a ratio of counts, of numbers of any size.
    denominators = np.stack(
        (np.ones(40), np.arange(40) % 3 > 0, np.arange(40) * 1000.0), axis=1
    ).astype(np.float64)
    limits = np.array([1.0, 3e-7, 5e9])
    numerators *= limits * (denominators > 0)
    whole = partial_sums(numerators, denominators, hashes, 100, 1, limits)
    sums = no_sums(100, 3)
    for part in np.split(np.array(order), sorted(cuts)):
        sums = sums.plus(
            partial_sums(numerators[part], denominators[part], hashes[part], 100, 1, limits)
        )
    assert same(sums, whole)
    means, _ = resampled_means(sums, limits)
    assert means == pytest.approx(numerators.sum(axis=0) / denominators.sum(axis=0), rel=1e-6)


def test_blocks_larger_than_a_chunk_are_summed_whole() -> None:
    # 5,000 users x 1,000 resamples are more than one chunk of weights.
    values, hashes = random_users(5000)
    parts = [sums_of_shares(values[i::2], hashes[i::2], 1000, seed=1) for i in (0, 1)]
    assert same(parts[0].plus(parts[1]), sums_of_shares(values, hashes, 1000, seed=1))


def test_every_column_has_the_users_who_count_in_it() -> None:
    # The second column: a ratio, in which the first user does not count and the third counts twice.
    numerators = np.array([[1.0, 0.0], [0.0, 0.5], [1.0, 1.0]])
    denominators = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    hashes = hash_ids(["a", "b", "c"])
    sums = partial_sums(numerators, denominators, hashes, 500, 1, np.ones(2))
    mean, resampled = resampled_means(sums, np.ones(2))
    assert sums.users.tolist() == [3, 2]
    assert mean == pytest.approx([2 / 3, 1.5 / 3])
    weights = poisson_weights(hashes, 500, seed=1).astype(np.float64)
    drawn = weights[1:].any(axis=0)
    expected = (weights[1] * 0.5 + weights[2]) / np.where(
        drawn, weights[1] + 2 * weights[2], np.nan
    )
    assert resampled[:, 1] == pytest.approx(expected, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("value", [1.5, -1.5, np.nan, np.inf])
def test_refuses_values_beyond_their_bound(value: float) -> None:
    with pytest.raises(ValueError, match="within their bounds"):
        sums_of_shares(np.array([[value]]), hash_ids(["a"]), 10, seed=1)


@pytest.mark.parametrize("denominator", [0.5, -1.0, np.nan, np.inf, 2.0**33])
def test_refuses_denominators_that_are_no_counts(denominator: float) -> None:
    column = np.array([[denominator]])
    with pytest.raises(ValueError, match="whole numbers"):
        partial_sums(np.zeros((1, 1)), column, hash_ids(["a"]), 10, 1, np.ones(1))


def test_refuses_a_numerator_of_somebody_who_does_not_count() -> None:
    with pytest.raises(ValueError, match="0 where the denominator is"):
        partial_sums(np.ones((1, 1)), np.zeros((1, 1)), hash_ids(["a"]), 10, 1, np.ones(1))


def test_refuses_values_of_other_users() -> None:
    with pytest.raises(ValueError, match="2 users, but hashes of 1"):
        sums_of_shares(np.zeros((2, 1)), hash_ids(["a"]), 10, seed=1)
    with pytest.raises(ValueError, match="do not belong together"):
        partial_sums(np.zeros((1, 2)), np.ones((1, 1)), hash_ids(["a"]), 10, 1, np.ones(2))


def test_no_users_have_no_mean_and_no_interval() -> None:
    mean, resampled = means_of(sums_of_shares(np.zeros((0, 2)), hash_ids([]), 10, seed=1))
    assert np.isnan(mean).all()
    assert np.isnan(interval(resampled, 0.95)).all()


def test_one_user_is_its_own_interval() -> None:
    # About 370 of the 1,000 resamples draw nobody; they say nothing.
    mean, resampled = means_of(sums_of_shares(np.array([[0.25]]), hash_ids(["a"]), 1000, seed=1))
    assert mean[0] == 0.25
    assert 580 < np.isfinite(resampled).sum() < 690
    assert interval(resampled, 0.95) == (0.25, 0.25)


def test_interval_has_the_width_that_theory_says() -> None:
    values, hashes = random_users(4000, 1)
    mean, resampled = means_of(sums_of_shares(values, hashes, 2000, seed=5))
    low, high = interval(resampled, 0.95)
    half_width = 1.96 * values.std() / np.sqrt(4000)
    assert mean[0] == pytest.approx(values.mean(), abs=1e-9)
    assert (high - low)[0] / 2 == pytest.approx(half_width, rel=0.06)


def test_interval_leaves_the_tails_outside() -> None:
    low, high = interval(np.arange(101.0)[:, np.newaxis], 0.90)
    assert (low[0], high[0]) == pytest.approx((5, 95))


METRICS = (
    *(
        "hit_rate@10",
        "precision@10",
        "recall@10",
        "capped_recall@10",
        "ndcg@10",
        "map@10",
        "mrr@10",
    ),
    *("arhr@10", "graded_ndcg@10", "cumulative_hit_rate@10>=4", "rating_hit_rate@10=5", "auc"),
    *("rmse", "mae", "mse", "predictable"),
    *("novelty@10", "tail_share@10", "unexpectedness@10", "diversity@10", "calibration@10"),
)
LIMITS = bounds(METRICS, Scale(users=20_000, items=200, largest_error=10.0, most_targets=7))


def population() -> tuple[np.ndarray, np.ndarray]:
    """What 20,000 users of uneven taste add to every metric: float64[users, metrics], twice."""
    rng = np.random.default_rng(11)
    n_users, catalogue = 20_000, 200
    scores = rng.random((n_users, catalogue))
    held_out = rng.integers(1, 8, n_users)
    indptr = np.concatenate([[0], np.cumsum(held_out)])
    # The held-out items are the first ones; the model ranks them higher for some users than others.
    targets = np.arange(catalogue) < held_out[:, np.newaxis]
    scores[targets] += np.repeat(rng.beta(1, 3, n_users), held_out)
    order = np.argsort(-scores, axis=1)
    items = np.concatenate([np.arange(count) for count in held_out]).astype(np.int32)
    values = rng.integers(1, 6, len(items)).astype(np.float32)
    values[rng.random(len(items)) < 0.1] = np.nan
    # Some users are harder to predict than others.
    errors = rng.normal(0, np.repeat(rng.uniform(0.2, 1.5, n_users), held_out))
    errors[rng.random(len(items)) < 0.1] = np.nan
    everybody = np.full(n_users, catalogue)
    seen_before = np.sort(3 * rng.integers(0, catalogue // 3, (n_users, 3)) + np.arange(3), axis=1)
    outcomes = liked_only(order[:, :10].astype(np.int32), indptr, items)._replace(
        values=values,
        scores=values + errors,
        ranks=np.argsort(order, axis=1)[targets] + 1,
        candidates=everybody,
        scored=everybody,
        history=ItemSets(np.arange(0, 3 * n_users + 1, 3), seen_before.ravel().astype(np.int32)),
    )
    traits = ItemTraits(
        (20_000 / np.arange(1, catalogue + 1)).astype(np.int64),
        n_users,
        np.eye(6, dtype=np.float32)[rng.integers(0, 6, catalogue)],
    )
    measured = measure(outcomes, traits, METRICS).values()
    numerators, denominators = (np.stack(part, axis=1) for part in zip(*measured, strict=True))
    return numerators, denominators


def coverage(data_sets: int) -> dict[str, float]:
    """Share of simulated data sets whose 95 % interval holds the population's figure, by metric."""
    numerators, denominators = population()
    truth = finished(numerators.sum(axis=0) / denominators.sum(axis=0), METRICS)
    rng = np.random.default_rng(2)
    covered = np.zeros(len(truth))
    for _ in range(data_sets):
        drawn = rng.integers(0, len(numerators), 400)
        hashes = rng.integers(0, MASK, 400, dtype=np.uint64)
        sums = partial_sums(numerators[drawn], denominators[drawn], hashes, 1000, 1, LIMITS)
        _, resampled = resampled_means(sums, LIMITS)
        low, high = interval(finished(resampled, METRICS), 0.95)
        covered += (low <= truth) & (truth <= high)
    return dict(zip(METRICS, covered / data_sets, strict=True))


def test_intervals_cover_roughly() -> None:
    # 30 data sets: the share scatters by 4 points.
    shares = coverage(30)
    assert all(abs(share - 0.95) < 0.12 for share in shares.values()), shares


@pytest.mark.long
def test_intervals_cover() -> None:
    shares = coverage(2000)
    assert all(0.935 <= share <= 0.965 for share in shares.values()), shares
