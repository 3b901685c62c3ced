"""Matrix factorization by stochastic gradients: what it predicts, and what it does not depend on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.config.model_sgd import SvdSettings
from toplists.engine import strata
from toplists.engine.blocks import Part
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.strata import Descent, descend_by
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.protocol import TrainingData
from toplists.models.svd import RatingGradient, Svd
from toplists.models.svd_plus_plus import FeedbackGradient

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 70, 66
CUTS = ([64], [16, 64])
GRIDS = [1 << 20, 300]
"""Entries of a cell: all of them; so few that there are four by four cells."""
GRADIENTS = [RatingGradient, FeedbackGradient]

Vectors = tuple[np.ndarray, np.ndarray]


def ratings(share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """`(rated, all)`: values of rank 2 with biases; NaN where not rated."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(N_USERS, 2)), rng.normal(size=(N_ITEMS, 2))
    values = 3 + rng.normal(size=N_USERS)[:, None] + rng.normal(size=N_ITEMS) + x @ y.T
    rated = np.where(rng.random(values.shape) < share, values, np.nan)
    rated[3] = np.nan  # a user who rated nothing
    return rated, values


def stacked(shape: Factors) -> Vectors:
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users, items


def same(one: Vectors, other: Vectors) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Vectors]:
    """Fits in this process; the vectors of users and items."""

    def fit(
        gradient: type[RatingGradient],
        values: np.ndarray,
        *,
        epochs: int = 3,
        rate: float = 0.02,
        cell_entries: int = 1 << 20,
        part: Part = "all",
        name: str = "fit",
        **how: Any,
    ) -> Vectors:
        users, items = write_blocks(tmp_path / name / "blocks", values, **how)
        fit = Descent(
            {"users": users, "items": items},
            gradient(2, 3.0, rate, 0.01, 0.1, 42, part),
            epochs,
            42,
            cell_entries,
        )
        return stacked(descend_by(fit, tmp_path / name / "model", write_parts_here).factors)

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


@pytest.mark.parametrize(
    ("gradient", "cell_entries", "most"),
    [
        (RatingGradient, 1 << 20, 0.03),
        (RatingGradient, 300, 0.03),
        (FeedbackGradient, 1 << 20, 0.05),
        (FeedbackGradient, 1000, 0.3),  # of many ratings of few items, each cell sees half
    ],
)
def test_it_predicts_what_was_not_rated(
    fit: Callable[..., Vectors], gradient: type[RatingGradient], cell_entries: int, most: float
) -> None:
    rated, values = ratings()
    users, items = fit(gradient, rated, epochs=20, cell_entries=cell_entries)
    unseen = np.isnan(rated)
    unseen[3] = False
    assert np.sqrt(np.mean((users @ items.T - values)[unseen] ** 2)) < most
    assert np.std(values[unseen]) > 1


@pytest.mark.parametrize("cell_entries", GRIDS)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_blocks_change_nothing(
    fit: Callable[..., Vectors], gradient: type[RatingGradient], cell_entries: int
) -> None:
    rated, _ = ratings()
    whole = fit(gradient, rated, cell_entries=cell_entries, name="whole")
    assert same(whole, fit(gradient, rated, cell_entries=cell_entries, name="cut", cuts=CUTS))


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_holdout_is_not_learnt_from(
    fit: Callable[..., Vectors], gradient: type[RatingGradient]
) -> None:
    rated, _ = ratings()
    holdout = np.random.default_rng(2).random(rated.shape) < 0.3
    held_out = fit(gradient, rated, part="train", holdout=holdout, name="with")
    assert same(held_out, fit(gradient, np.where(holdout, np.nan, rated), name="without"))


def test_who_rated_nothing_has_no_vector(fit: Callable[..., Vectors]) -> None:
    users, _ = fit(RatingGradient, ratings()[0])
    assert np.flatnonzero(~users.any(axis=1)).tolist() == [3]


def test_a_rating_of_twice_the_weight_pulls_twice_as_much(fit: Callable[..., Vectors]) -> None:
    def bias(weight: float) -> float:
        one = np.array([[4.0]])
        users, _ = fit(
            RatingGradient, one, epochs=1, rating_weights=one / 4 * weight, name=str(weight)
        )
        return float(users[0, 2])

    assert bias(1) > 0
    assert bias(2) == pytest.approx(2 * bias(1))


def test_it_goes_on_where_it_was_interrupted(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    rated, _ = ratings()
    undisturbed = fit(RatingGradient, rated, cell_entries=300, name="undisturbed")
    strata_done: list[int] = []
    next_stratum = strata._next

    def dies(fit: Descent, cells: Any, state: Any, *where: Any) -> Any:
        strata_done.append(state.halves)
        if strata_done == [*range(6)]:
            raise KeyboardInterrupt
        return next_stratum(fit, cells, state, *where)

    monkeypatch.setattr(strata, "_next", dies)
    with pytest.raises(KeyboardInterrupt):
        fit(RatingGradient, rated, cell_entries=300, name="killed")
    again = fit(RatingGradient, rated, cell_entries=300, name="killed")
    assert strata_done == [*range(6), *range(5, len(strata_done) - 1)]
    assert same(undisturbed, again)


@pytest.mark.parametrize("single_task_entries", [100_000, 0])
def test_spark_changes_nothing(data: Callable[..., TrainingData], single_task_entries: int) -> None:
    rated = np.round(ratings()[0] * 2) / 2
    settings = SvdSettings(rank=3, epochs=2)
    training = data(rated, cuts=CUTS)
    gradient = RatingGradient(3, training.mean_value() or 0.0, 0.005, 0.02, 0.1, 42, "all")
    blocks = {"users": training.users, "items": training.items}
    here = descend_by(
        Descent(blocks, gradient, 2, 42), training.folder.parent / "here", write_parts_here
    )
    fitted = Svd(settings, single_task_entries).fit(training)
    assert same(stacked(here.factors), stacked(fitted.shape))
    assert fitted.report["losses"] == list(here.losses)


def test_steps_that_are_too_long_are_refused(data: Callable[..., TrainingData]) -> None:
    values = 1e10 * ratings()[0]
    with pytest.raises(ConfigurationError, match="learning_rate"):
        Svd(SvdSettings(rank=3, epochs=5, learning_rate=1.0), 100_000).fit(data(values))


def test_feedback_without_values_is_refused(data: Callable[..., TrainingData]) -> None:
    nothing = np.full((3, 2), np.nan)
    with pytest.raises(InputRefusedError, match=r"model\.name=als"):
        Svd(SvdSettings(), 0).fit(data(np.ones((3, 2)), values=nothing))
