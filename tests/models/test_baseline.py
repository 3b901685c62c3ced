"""Baselines, constants and draws: the floors that rating predictors are held against."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model_ratings import BaselineSettings
from toplists.engine.baselines import Rated, deviation_of_values, fit_baselines
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, open_vectors
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.baseline import Baseline, baseline_method
from toplists.models.constant import fit_constant
from toplists.models.normal import Normal, fit_normal
from toplists.models.protocol import TrainingData

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 70, 40
CUTS = ([64], [7])
Fit = Callable[[Rated, Path], Factors]

FITS: dict[str, Fit] = {
    "als": lambda rated, folder: fit_baselines(
        rated, baseline_method(BaselineSettings(epochs=2)), folder, write_parts_here
    ),
    "sgd": lambda rated, folder: fit_baselines(
        rated, baseline_method(BaselineSettings(method="sgd", epochs=2)), folder, write_parts_here
    ),
    "constant": lambda rated, folder: fit_constant(rated, 3.25, folder, write_parts_here),
    "normal": lambda rated, folder: fit_normal(rated, 7, folder, write_parts_here),
}


def ratings() -> np.ndarray:
    """Values of users x items, NaN where not rated; user 3 and item 5 have none."""
    rng = np.random.default_rng(1)
    values = 3 + rng.normal(size=(N_USERS, 1)) + rng.normal(size=N_ITEMS)
    values += 0.2 * rng.normal(size=values.shape)
    values[rng.random(values.shape) < 0.5] = np.nan
    values[3], values[:, 5] = np.nan, np.nan
    return values.astype(np.float32).astype(np.float64)


def rated(values: np.ndarray, folder: Path, **how: Any) -> Rated:
    users, items = write_blocks(folder, values, **how)
    return Rated(users, items, "all", float(np.nanmean(values)))


def vectors(factors: Factors) -> list[np.ndarray]:
    """Vectors of users, who has one, and the same of items."""
    sides = (map(open_vectors, parts) for parts in (factors.users, factors.items))
    return [np.concatenate(arrays) for side in sides for arrays in zip(*side, strict=True)]


def predictions(factors: Factors) -> np.ndarray:
    users, _, items, _ = vectors(factors)
    return users @ items.T


def test_biases_by_als_are_shrunk_means_of_what_the_others_leave(tmp_path: Path) -> None:
    values = ratings()
    mean, there = np.nanmean(values), ~np.isnan(values)
    users, items = np.zeros(N_USERS), np.zeros(N_ITEMS)
    for _ in range(3):
        items = np.nansum(values - mean - users[:, None], axis=0) / (4 + there.sum(axis=0))
        users = np.nansum(values - mean - items, axis=1) / (2 + there.sum(axis=1))
    settings = BaselineSettings(epochs=3, user_penalty=2, item_penalty=4)
    found = fit_baselines(
        rated(values, tmp_path / "b"),
        baseline_method(settings),
        tmp_path / "model",
        write_parts_here,
    )
    expected = mean + users[:, None] + items
    expected[3], expected[:, 5] = 0, 0
    assert predictions(found) == pytest.approx(expected, abs=1e-6)


def test_biases_by_sgd_take_one_rating_after_the_other(tmp_path: Path) -> None:
    values = ratings()
    mean, users, items = np.nanmean(values), np.zeros(N_USERS), np.zeros(N_ITEMS)
    for _ in range(2):
        for user, item in zip(*np.nonzero(~np.isnan(values)), strict=True):
            error = values[user, item] - (mean + users[user] + items[item])
            users[user] += 0.05 * (error - 0.3 * users[user])
            items[item] += 0.05 * (error - 0.3 * items[item])
    settings = BaselineSettings(method="sgd", epochs=2, learning_rate=0.05, regularization=0.3)
    found = fit_baselines(
        rated(values, tmp_path / "b"),
        baseline_method(settings),
        tmp_path / "model",
        write_parts_here,
    )
    expected = mean + users[:, None] + items
    expected[3], expected[:, 5] = 0, 0
    assert predictions(found) == pytest.approx(expected, abs=1e-6)


def test_a_descent_that_goes_up_is_refused(tmp_path: Path) -> None:
    settings = BaselineSettings(method="sgd", epochs=200, learning_rate=1.0, regularization=3.0)
    values = rated(ratings(), tmp_path / "blocks")
    with pytest.raises(ConfigurationError, match=r"diverged.*learning_rate"):
        fit_baselines(values, baseline_method(settings), tmp_path / "model", write_parts_here)


def test_a_rating_of_weight_two_is_two_ratings(tmp_path: Path) -> None:
    once = np.array([[5.0, 3.0], [1.0, np.nan]])
    twice = Rated(
        *write_blocks(
            tmp_path / "b", once, rating_weights=np.array([[2.0, 1.0], [1.0, 1.0]]), cuts=([], [])
        ),
        "all",
        3.0,
    )
    method = baseline_method(BaselineSettings(epochs=1, user_penalty=0, item_penalty=0))
    # Item 0 is (2 + 2 - 2) / 3 above the mean, item 1 not; user 0 (4/3 + 4/3 + 0) / 3 above both.
    found = predictions(fit_baselines(twice, method, tmp_path / "m", write_parts_here))
    assert found[0] == pytest.approx([3 + 2 / 3 + 8 / 9, 3 + 8 / 9])


def test_draws_are_distributed_as_the_values(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(3.5, 1.1, (200, 300))
    given = rated(values, tmp_path / "b")
    assert deviation_of_values(given) == pytest.approx(np.std(values), rel=1e-5)
    drawn = predictions(fit_normal(given, 7, tmp_path / "m", write_parts_here))
    assert (drawn.mean(), drawn.std()) == pytest.approx((3.5, 1.1), abs=0.05)
    standard = (drawn - drawn.mean()) / drawn.std()
    assert np.mean(standard**4) == pytest.approx(3, abs=0.2)  # of a normal distribution
    assert abs(np.corrcoef(drawn.ravel(), values.ravel())[0, 1]) < 0.02
    other = predictions(fit_normal(given, 8, tmp_path / "other", write_parts_here))
    assert abs(np.corrcoef(drawn.ravel(), other.ravel())[0, 1]) < 0.05


def test_a_constant_is_the_same_for_everything(tmp_path: Path) -> None:
    found = predictions(
        fit_constant(rated(ratings(), tmp_path / "b"), 3.25, tmp_path / "m", write_parts_here)
    )
    assert set(found.ravel()) == {0.0, 3.25}  # 0: has no vector


@pytest.mark.parametrize("name", FITS)
def test_blocks_change_nothing(name: str, tmp_path: Path) -> None:
    values = ratings()
    whole = FITS[name](rated(values, tmp_path / "whole"), tmp_path / "model")
    cut = FITS[name](rated(values, tmp_path / "cut", cuts=CUTS), tmp_path / "other")
    assert all(map(np.array_equal, vectors(whole), vectors(cut)))


@pytest.mark.parametrize("name", FITS)
def test_who_rated_nothing_and_what_nobody_rated_is_not_known(name: str, tmp_path: Path) -> None:
    _, users, _, items = vectors(FITS[name](rated(ratings(), tmp_path / "b"), tmp_path / "m"))
    assert (np.flatnonzero(~users).tolist(), np.flatnonzero(~items).tolist()) == ([3], [5])


@pytest.mark.parametrize("name", FITS)
def test_the_holdout_is_not_learnt_from(name: str, tmp_path: Path) -> None:
    values = ratings()
    held_out = np.random.default_rng(5).random(values.shape) < 0.3
    users, items = write_blocks(tmp_path / "with", values, holdout=held_out)
    given = Rated(users, items, "train", 3.0)
    users, items = write_blocks(tmp_path / "without", np.where(held_out, np.nan, values))
    expected = FITS[name](Rated(users, items, "all", 3.0), tmp_path / "m")
    assert all(map(np.array_equal, vectors(FITS[name](given, tmp_path / "o")), vectors(expected)))


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("als", "learning_rate"),
        ("als", "regularization"),
        ("sgd", "user_penalty"),
        ("sgd", "item_penalty"),
    ],
)
def test_a_setting_of_the_other_method_is_refused(method: str, name: str) -> None:
    with pytest.raises(ValidationError, match=f"method {method} has no {name}"):
        BaselineSettings.model_validate({"method": method, name: 0.5})


def test_on_spark(spark: SparkSession, tmp_path: Path) -> None:
    def training(values: np.ndarray, name: str, **how: Any) -> TrainingData:
        users, items = write_blocks(tmp_path / name, values, **how)
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
            seed=7,
            folder=tmp_path / f"{name}-model",
        )

    data = training(np.round(ratings() * 2) / 2, "rated", cuts=CUTS)
    settings = BaselineSettings(epochs=2)
    expected = fit_baselines(
        data.rated_values("baseline"),
        baseline_method(settings),
        tmp_path / "here",
        write_parts_here,
    )
    found = Baseline(settings).fit(data).shape
    assert isinstance(found, Factors)
    assert all(map(np.array_equal, vectors(found), vectors(expected)))

    unrated = training(np.full((3, 2), np.nan), "nothing")
    with pytest.raises(InputRefusedError, match=r"normal learns from values.*model\.name=als"):
        Normal().fit(unrated)
