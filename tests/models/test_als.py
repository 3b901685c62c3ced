"""ALS on the engine's kernels: what it minimizes, and what its result does not depend on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pyarrow as pa
import pytest
from snapshots import write_blocks

from toplists.config.settings import AlsSettings
from toplists.engine import alternation
from toplists.engine.alternation import Alternation, Objective, Start, alternate_here
from toplists.engine.blocks import BlockRef, Part, Side
from toplists.engine.daemon import load_kernels
from toplists.engine.kernels import least_squares
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import read_manifest
from toplists.errors import InputRefusedError
from toplists.models.als import Als, Explicit, Implicit, Penalty
from toplists.models.protocol import TrainingData

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 30, 20
CUTS = ([1, 17], [2, 3, 11])
SETTINGS = AlsSettings(rank=4, iterations=6, regularization=0.1, alpha=5.0)

Vectors = tuple[np.ndarray, np.ndarray]


def likings(seed: int = 0) -> np.ndarray:
    """Two tastes and some noise: user u likes items of u's parity; NaN = no interaction."""
    rng = np.random.default_rng(seed)
    same = np.equal.outer(np.arange(N_USERS) % 2, np.arange(N_ITEMS) % 2)
    likes = rng.random((N_USERS, N_ITEMS)) < np.where(same, 0.6, 0.05)
    weights = np.where(likes, 1.0, np.nan)
    weights[3] = np.nan  # a user without any interaction
    weights[:, 5] = np.nan
    weights[4, :2] = 0.0  # seen, but not liked
    return weights


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Vectors]:
    """Fits ALS to a matrix in this process; the vectors of users and items."""

    def fit(
        weights: np.ndarray,
        settings: AlsSettings = SETTINGS,
        *,
        part: Part = "all",
        name: str = "fit",
        start: Start | None = None,
        **how: Any,
    ) -> Vectors:
        users, items = write_blocks(tmp_path / name / "blocks", weights, **how)
        penalty = Penalty(settings.regularization, by_count=True)
        objective: Objective
        if settings.feedback == "implicit":
            objective = Implicit(settings.rank, settings.alpha, 1.0, penalty, 42, part)
        else:
            mean = float(np.nanmean(how.get("values", weights)))
            objective = Explicit(settings.rank, mean, penalty, 42, part)
        plan = Alternation(
            {"users": users, "items": items}, objective, settings.solver, settings.iterations, start
        )
        return stacked(alternate_here(plan, tmp_path / name / "model"))

    return fit


@pytest.fixture
def fit_on_spark(spark: SparkSession, tmp_path: Path) -> Callable[..., Vectors]:
    """The same by the model's own `fit`."""

    def fit(weights: np.ndarray, settings: AlsSettings, **how: Any) -> Vectors:
        users, items = write_blocks(tmp_path / "spark" / "blocks", weights, **how)
        data = TrainingData(
            spark=spark,
            interactions=spark.range(0),
            users=users,
            items=items,
            part="all",
            size=int((weights > 0).sum()),
            end=datetime(2024, 1, 1, tzinfo=UTC),
            segments=spark.range(0),
            segment_names=(),
            seed=42,
            folder=tmp_path / "spark" / "model",
        )
        return stacked(Als(settings).fit(data))

    return fit


def stacked(shape: Factors) -> Vectors:
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users, items


def implicit_loss(weights: np.ndarray, users: np.ndarray, items: np.ndarray) -> float:
    """Hu, Koren and Volinsky's objective under MLlib's penalty, written out."""
    likes = weights > 0
    confidence = 1 + SETTINGS.alpha * np.where(likes, weights, 0)
    error = (confidence * (likes - users @ items.T) ** 2).sum()
    by_user, by_item = likes.sum(axis=1), likes.sum(axis=0)
    sizes = by_user @ (users**2).sum(axis=1) + by_item @ (items**2).sum(axis=1)
    return float(error + SETTINGS.regularization * sizes)


def test_no_side_can_be_improved_alone(fit: Callable[..., Vectors]) -> None:
    weights = likings()
    users, items = fit(weights)
    best = implicit_loss(weights, users, items)
    rng = np.random.default_rng(1)
    for _ in range(20):
        # The users were solved last, so they are at their minimum for these items.
        moved = users + rng.normal(0, 1e-2, users.shape) * (np.nansum(weights, axis=1) > 0)[:, None]
        assert implicit_loss(weights, moved, items) > best


def test_more_iterations_fit_better(fit: Callable[..., Vectors]) -> None:
    weights = likings()
    losses = [
        implicit_loss(
            weights, *fit(weights, SETTINGS.model_copy(update={"iterations": n}), name=str(n))
        )
        for n in (1, 3, 20)
    ]
    assert losses == sorted(losses, reverse=True)


def test_who_liked_nothing_has_no_vector(fit: Callable[..., Vectors]) -> None:
    users, items = fit(likings())
    assert np.flatnonzero(~users.any(axis=1)).tolist() == [3]
    assert np.flatnonzero(~items.any(axis=1)).tolist() == [5]


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_blocks_change_nothing(fit: Callable[..., Vectors], feedback: str) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback})
    whole = fit(likings(), settings, name="whole")
    cut = fit(likings(), settings, name="cut", cuts=CUTS)
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


@pytest.mark.parametrize(
    ("feedback", "alone"), [("implicit", True), ("implicit", False), ("explicit", False)]
)
def test_spark_changes_nothing(
    fit: Callable[..., Vectors],
    fit_on_spark: Callable[..., Vectors],
    monkeypatch: pytest.MonkeyPatch,
    feedback: str,
    alone: bool,
) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback, "iterations": 2})
    if not alone:
        monkeypatch.setattr(alternation, "_ALONE_ENTRIES", 0)
    here, there = fit(likings(), settings), fit_on_spark(likings(), settings, cuts=CUTS)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))


def test_the_holdout_is_not_learnt_from(fit: Callable[..., Vectors]) -> None:
    weights = likings()
    holdout = np.random.default_rng(2).random(weights.shape) < 0.3
    trained = np.where(holdout, np.nan, weights)
    held_out = fit(weights, part="train", holdout=holdout, name="with")
    absent = fit(trained, name="without")
    assert all(np.array_equal(a, b) for a, b in zip(held_out, absent, strict=True))


def test_conjugate_gradients_end_where_exact_solving_does(fit: Callable[..., Vectors]) -> None:
    weights = likings()
    losses = [
        implicit_loss(
            weights,
            *fit(
                weights,
                SETTINGS.model_copy(update={"solver": solver, "iterations": 15}),
                name=solver,
            ),
        )
        for solver in ("exact", "cg")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_a_fit_goes_on_where_it_was_interrupted(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = fit(likings(), name="undisturbed")
    halves: list[int] = []
    fix = alternation._fix

    def dies(objective: Objective, parts: tuple[str, ...], side: Side, folder: Path) -> None:
        halves.append(int(folder.name.removeprefix("fixed-")))
        if len(halves) == 6:
            raise KeyboardInterrupt
        fix(objective, parts, side, folder)

    monkeypatch.setattr(alternation, "_fix", dies)
    with pytest.raises(KeyboardInterrupt):
        fit(likings(), name="killed")
    shutil.rmtree(tmp_path / "killed" / "blocks")
    again = fit(likings(), name="killed")
    assert halves == [0, 1, 2, 3, 4, 5, *range(5, 13)]
    assert all(np.array_equal(a, b) for a, b in zip(undisturbed, again, strict=True))


def test_a_fit_goes_on_from_an_earlier_one_by_ids(
    fit: Callable[..., Vectors], tmp_path: Path
) -> None:
    weights = likings()
    well_fitted = SETTINGS.model_copy(update={"iterations": 30})
    loss = implicit_loss(weights, *fit(weights, well_fitted, name="earlier"))
    short = SETTINGS.model_copy(update={"iterations": 1})
    cold = implicit_loss(weights, *fit(weights, short, name="cold"))
    start = earlier_fit(tmp_path / "earlier")
    warm = implicit_loss(weights, *fit(weights, short, name="warm", start=start))
    assert warm == pytest.approx(loss, rel=1e-4)
    assert warm < cold


def test_vectors_are_found_by_id(fit: Callable[..., Vectors], tmp_path: Path) -> None:
    weights = likings()  # nobody interacted with item 5
    _, items = fit(weights, name="earlier", cuts=((), [7]))
    rows, vectors = earlier_fit(tmp_path / "earlier").of(pa.array(["i019", "new", "i005", "i003"]))
    assert rows.tolist() == [0, 3]
    assert np.array_equal(vectors, items[[19, 3]])


def earlier_fit(folder: Path) -> Start:
    progress = read_manifest(folder / "model" / "progress.json")
    blocks = sorted((folder / "blocks").glob("i-*"))
    assert progress is not None
    refs = [BlockRef(n, 0, 0, 0, str(path)) for n, path in enumerate(blocks)]
    return Start(tuple(refs), tuple(progress["items"]))


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_workers_start_with_the_kernels_that_a_fit_calls(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, feedback: str, solver: str
) -> None:
    # Another type of any argument would be compiled anew in the middle of a night.
    called: set[str] = set()

    def recording(kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            called.add(f"{kernel.__name__}{numba.typeof(arguments)}")
            return kernel(*arguments)

        return call

    for name in ("_solve_rows", "_descend_rows"):
        monkeypatch.setattr(least_squares, name, recording(getattr(least_squares, name)))
    load_kernels()
    loaded, called = called, set()
    fit(likings(), SETTINGS.model_copy(update={"feedback": feedback, "solver": solver}))
    assert called
    assert called < loaded


def test_explicit_predicts_values_with_biases(fit: Callable[..., Vectors]) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(N_USERS, 2)), rng.normal(size=(N_ITEMS, 2))
    by_user, by_item = rng.normal(size=N_USERS), rng.normal(size=N_ITEMS)
    truth = 3 + by_user[:, None] + by_item + x @ y.T
    rated = np.where(rng.random(truth.shape) < 0.8, truth, np.nan)
    settings = SETTINGS.model_copy(
        update={"feedback": "explicit", "rank": 2, "iterations": 30, "regularization": 1e-3}
    )
    weights = np.where(np.isnan(rated), np.nan, 0.0)
    users, items = fit(weights, settings, values=rated)
    unseen = np.isnan(rated)
    assert np.abs(users @ items.T - truth)[unseen].max() < 0.2
    assert np.std(truth[unseen]) > 1


def test_explicit_weighs_the_error_of_each_value(fit: Callable[..., Vectors]) -> None:
    rng = np.random.default_rng(4)
    values = np.where(
        rng.random((N_USERS, N_ITEMS)) < 0.7, rng.normal(3, 1, (N_USERS, N_ITEMS)), np.nan
    )
    rating_weights = rng.choice([0.25, 1.0, 4.0], values.shape)
    settings = SETTINGS.model_copy(update={"feedback": "explicit"})
    users, items = fit(
        np.where(np.isnan(values), np.nan, 0.0),
        settings,
        values=values,
        rating_weights=rating_weights,
    )

    own = [0, 1, 2, 3, 4]  # a user's vector and bias; the 1 behind them is for the item's

    def loss(vectors: np.ndarray) -> float:
        error = np.nan_to_num(rating_weights * (values - vectors @ items.T) ** 2).sum()
        counts = (~np.isnan(values)).sum(axis=1)
        return float(error + SETTINGS.regularization * counts @ (vectors[:, own] ** 2).sum(axis=1))

    best = loss(users)
    for _ in range(20):  # the users were solved last
        moved = users.copy()
        moved[:, own] += rng.normal(0, 1e-2, (N_USERS, len(own)))
        assert loss(moved) > best


@pytest.mark.parametrize(
    ("feedback", "weights", "values", "sentence"),
    [
        ("implicit", np.zeros((3, 2)), None, "Lower prepare.positive_from"),
        ("explicit", np.ones((3, 2)), np.full((3, 2), np.nan), "model.als.feedback=implicit"),
    ],
)
def test_nothing_to_learn_from_is_refused(
    fit_on_spark: Callable[..., Vectors],
    feedback: str,
    weights: np.ndarray,
    values: np.ndarray | None,
    sentence: str,
) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback})
    with pytest.raises(InputRefusedError, match=sentence):
        fit_on_spark(weights, settings, values=values)
