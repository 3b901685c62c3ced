"""Bayesian matrix factorization: what it predicts, and what its result does not depend on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.config.model_ratings import BayesianMfSettings
from toplists.engine import gibbs
from toplists.engine.blocks import Part
from toplists.engine.exchange import write_parts_here
from toplists.engine.gibbs import Chain, sample_by
from toplists.engine.shapes import Factors, open_vectors
from toplists.errors import InputRefusedError
from toplists.models.bayesian_mf import BayesianMf
from toplists.models.protocol import TrainingData

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 70, 66
CUTS = ([64], [64])  # multiples of CHUNK_ROWS
SETTINGS = BayesianMfSettings(rank=3, burn_in=1, rounds=2, keep_every=1)

Vectors = tuple[np.ndarray, np.ndarray]


def ratings(share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """`(rated, all)`: values of rank 2 with biases; NaN where not rated."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(N_USERS, 2)), rng.normal(size=(N_ITEMS, 2))
    values = 3 + rng.normal(size=N_USERS)[:, None] + rng.normal(size=N_ITEMS) + x @ y.T
    rated = np.where(rng.random(values.shape) < share, values, np.nan)
    rated[3] = np.nan  # a user who rated nothing
    return rated, values


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Vectors]:
    """Samples in this process; the vectors of users and items."""

    def fit(
        values: np.ndarray,
        settings: BayesianMfSettings = SETTINGS,
        *,
        part: Part = "all",
        name: str = "fit",
        **how: Any,
    ) -> Vectors:
        users, items = write_blocks(tmp_path / name / "blocks", values, **how)
        chain = Chain({"users": users, "items": items}, part, 3.0, **settings.model_dump(), seed=42)
        return stacked(sample_by(chain, tmp_path / name / "model", write_parts_here))

    return fit


@pytest.fixture
def data(spark: SparkSession, tmp_path: Path) -> Callable[..., TrainingData]:
    """What the model's own `fit` takes."""

    def data(weights: np.ndarray, **how: Any) -> TrainingData:
        users, items = write_blocks(tmp_path / "spark" / "blocks", weights, **how)
        return TrainingData(
            spark=spark,
            interactions=spark.range(0),
            users=users,
            items=items,
            part="all",
            size=0,
            end=datetime(2024, 1, 1, tzinfo=UTC),
            segments=spark.range(0),
            segment_names=(),
            seed=42,
            folder=tmp_path / "spark" / "model",
        )

    return data


def stacked(shape: Factors) -> Vectors:
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users, items


def same(one: Vectors, other: Vectors) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_it_predicts_what_was_not_rated(fit: Callable[..., Vectors]) -> None:
    rated, values = ratings()
    users, items = fit(rated, BayesianMfSettings(rank=2, burn_in=8, rounds=12, keep_every=2))
    unseen = np.isnan(rated)
    unseen[3] = False
    assert np.sqrt(np.mean((users @ items.T - values)[unseen] ** 2)) < 0.15
    assert np.std(values[unseen]) > 1


def test_it_predicts_the_mean_over_rounds(fit: Callable[..., Vectors]) -> None:
    rated, _ = ratings()

    def predicted(burn_in: int, rounds: int) -> np.ndarray:
        settings = BayesianMfSettings(rank=3, burn_in=burn_in, rounds=rounds, keep_every=1)
        users, items = fit(rated, settings, name=f"{burn_in}-{rounds}")
        assert users.shape == (N_USERS, 3 * rounds + 2)
        return users @ items.T

    one, other = predicted(1, 1), predicted(2, 1)
    assert predicted(1, 2) == pytest.approx((one + other) / 2, abs=1e-4)
    assert np.abs(one - other).max() > 0.01


def test_who_gives_values_at_random_counts_less(fit: Callable[..., Vectors]) -> None:
    # A third of the users give values at random: what the others say is then learnt better.
    rated, values = ratings(share=0.4)
    noise = 3 * np.random.default_rng(1).normal(size=rated.shape)
    rated[::3] += noise[::3]
    asked = np.isnan(rated)
    asked[::3] = False

    def error(name: str, **changes: bool) -> float:
        settings = BayesianMfSettings(rank=2, burn_in=8, rounds=12, keep_every=2, **changes)
        users, items = fit(rated, settings, name=name)
        return float(np.sqrt(np.mean((users @ items.T - values)[asked] ** 2)))

    assert error("trusting", user_noise=False) > 1.2 * error("knowing")


def test_few_values_are_read_in_the_light_of_how_few_they_are(fit: Callable[..., Vectors]) -> None:
    # The more users have rated an item, the better it is; noise drowns a single value.
    rng = np.random.default_rng(1)
    quality = 3 + np.linspace(-2, 2, N_ITEMS)
    rated = quality + rng.normal(size=(N_USERS, N_ITEMS))
    counts = np.rint(np.exp(np.linspace(0, np.log(N_USERS), N_ITEMS))).astype(int)
    places = rng.permuted(np.tile(np.arange(N_USERS), (N_ITEMS, 1)), axis=1).T
    rated[places >= counts] = np.nan

    def error(name: str, **changes: bool) -> float:
        settings = BayesianMfSettings(rank=2, burn_in=8, rounds=12, keep_every=2, **changes)
        users, items = fit(rated, settings, name=name)
        known = users.any(axis=1)
        return float(np.sqrt(np.mean(((users @ items.T)[known] - quality)[:, counts < 4] ** 2)))

    assert error("blind", count_prior=False) > 1.2 * error("seeing")


def test_one_round_counts_of_so_many() -> None:
    settings = BayesianMfSettings(rank=1, burn_in=3, rounds=7, keep_every=3)
    chain = Chain({}, "all", 3.0, **settings.model_dump(), seed=0)
    assert [number for number in range(12) if chain.counts(number)] == [6, 9]


def test_who_rated_nothing_has_no_vector(fit: Callable[..., Vectors]) -> None:
    users, _ = fit(ratings()[0])
    assert np.flatnonzero(~users.any(axis=1)).tolist() == [3]


def test_blocks_change_nothing(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gibbs, "_ROWS_AT_A_TIME", 5)
    rated, _ = ratings()
    assert same(fit(rated, name="whole"), fit(rated, name="cut", cuts=CUTS))


def test_the_holdout_is_not_learnt_from(fit: Callable[..., Vectors]) -> None:
    rated, _ = ratings()
    holdout = np.random.default_rng(2).random(rated.shape) < 0.3
    held_out = fit(rated, part="train", holdout=holdout, name="with")
    assert same(held_out, fit(np.where(holdout, np.nan, rated), name="without"))


def interrupted(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Halves that are begun; the one called `number` is interrupted when it is first."""
    halves: list[int] = []
    draw_half = gibbs._draw_half

    def dies(chain: Chain, state: Any, *where: Any) -> Any:
        halves.append(state.halves)
        if halves.count(number) == 1 and halves[-1] == number:
            raise KeyboardInterrupt
        return draw_half(chain, state, *where)

    monkeypatch.setattr(gibbs, "_draw_half", dies)
    return halves


def test_sampling_goes_on_where_it_was_interrupted(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rated, _ = ratings()
    undisturbed = fit(rated, name="undisturbed")
    halves = interrupted(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(rated, name="killed")
    shutil.rmtree(tmp_path / "killed" / "blocks")
    again = fit(rated, name="killed")
    assert halves == [*range(5), 4, 5, 6]
    assert same(undisturbed, again)


def test_a_damaged_file_costs_one_half(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rated, _ = ratings()
    undisturbed = fit(rated, name="undisturbed")
    halves = interrupted(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(rated, name="killed")
    (newest,) = (tmp_path / "killed" / "model").glob("items-0004-*/vectors.npy")
    newest.write_bytes(newest.read_bytes()[:-8])
    again = fit(rated, name="killed")
    assert halves == [*range(5), *range(3, 7)]
    assert same(undisturbed, again)


def test_a_chain_with_other_settings_does_not_go_on(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    rated, _ = ratings()
    other = SETTINGS.model_copy(update={"rank": 2})
    expected = fit(rated, other, name="expected")
    halves = interrupted(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(rated, name="shared")
    assert same(fit(rated, other, name="shared"), expected)
    assert halves == [*range(5), *range(7)]


@pytest.mark.parametrize("single_task_entries", [100_000, 0])
def test_spark_changes_nothing(
    fit: Callable[..., Vectors],
    data: Callable[..., TrainingData],
    single_task_entries: int,
) -> None:
    rated, _ = ratings()
    rated = np.round(rated * 2) / 2
    settings = BayesianMfSettings(rank=3, burn_in=1, rounds=1, keep_every=1)
    training = data(rated, cuts=CUTS)
    mean = training.mean_value()
    here = sample_by(
        Chain(
            {"users": training.users, "items": training.items},
            "all",
            mean,
            **settings.model_dump(),
            seed=42,
        ),
        training.folder.parent / "here",
        write_parts_here,
    )
    assert same(
        stacked(here), stacked(BayesianMf(settings, single_task_entries).fit(training).shape)
    )


def test_feedback_without_values_is_refused(data: Callable[..., TrainingData]) -> None:
    nothing = np.full((3, 2), np.nan)
    with pytest.raises(InputRefusedError, match=r"model\.name=als"):
        BayesianMf(SETTINGS, 0).fit(data(np.ones((3, 2)), values=nothing))
