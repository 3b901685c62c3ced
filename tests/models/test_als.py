"""ALS on the engine's kernels: what it minimizes, and what its result does not depend on."""

from __future__ import annotations

import errno
import os
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

from toplists.config.model_als import AlsSettings
from toplists.engine import alternation, half
from toplists.engine.alternation import Alternation, AlternationResult, Start, alternate_by
from toplists.engine.blocks import BlockRef, Part
from toplists.engine.daemon import load_kernels
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels import conjugate_gradients, least_squares, long_rows
from toplists.engine.objective import Objective
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import read_manifest
from toplists.errors import InputRefusedError
from toplists.models.als import Als, Confidence, Explicit, Implicit, Penalty
from toplists.models.mllib_als import MllibAls
from toplists.models.protocol import TrainingData

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 150, 140
CUTS = ([64], [64, 128])  # multiples of CHUNK_ROWS
SETTINGS = AlsSettings(rank=4, iterations=6, regularization=0.1, alpha=5.0)

Vectors = tuple[np.ndarray, np.ndarray]


def likings(seed: int = 0) -> np.ndarray:
    """Two tastes and some noise: user u likes items of u's parity; NaN = no interaction."""
    rng = np.random.default_rng(seed)
    same = np.equal.outer(np.arange(N_USERS) % 2, np.arange(N_ITEMS) % 2)
    likes = rng.random((N_USERS, N_ITEMS)) < np.where(same, 0.15, 0.01)
    weights = np.where(likes, 1.0, np.nan)
    weights[3] = np.nan  # a user without any interaction
    weights[:, 5] = np.nan
    weights[4, :2] = 0.0  # seen, but not liked
    return weights


def objective_of(settings: AlsSettings, values: np.ndarray, part: Part = "all") -> Objective:
    penalty = Penalty(
        settings.regularization,
        settings.regularization_scaling,
        settings.regularization_exponent,
        settings.unobserved_weight,
    )
    if settings.feedback == "explicit":
        mean = float(np.nanmean(values)) if settings.biases else None
        return Explicit(settings.rank, mean, penalty, 42, part)
    confidence = Confidence(settings.alpha, settings.confidence)
    return Implicit(settings.rank, confidence, settings.unobserved_weight, penalty, 42, part)


@pytest.fixture
def results() -> dict[str, AlternationResult]:
    """How fits went, by name."""
    return {}


@pytest.fixture
def fit(tmp_path: Path, results: dict[str, AlternationResult]) -> Callable[..., Vectors]:
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
        plan = Alternation(
            {"users": users, "items": items},
            objective_of(settings, how.get("values", weights), part),
            "cg" if settings.solver == "cg" else "exact",
            settings.iterations,
            start,
            settings.tolerance,
            settings.over_relaxation,
        )
        result = alternate_by(plan, tmp_path / name / "model", write_parts_here)
        results[name] = result
        return stacked(result.factors)

    return fit


@pytest.fixture
def fit_on_spark(spark: SparkSession, tmp_path: Path) -> Callable[..., Vectors]:
    """The same by the model's own `fit`."""

    def fit(
        weights: np.ndarray, settings: AlsSettings, single_task_entries: int, **how: Any
    ) -> Vectors:
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
        return stacked(Als(settings, single_task_entries).fit(data).shape)

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
def test_what_nobody_has_touched_changes_nothing(
    fit: Callable[..., Vectors], feedback: str
) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback, "iterations": 2})
    users, items = fit(likings(), settings, name="known")
    more = np.column_stack((likings(), np.full((N_USERS, 40), np.nan)))
    with_new, of_new = fit(more, settings, name="new")
    np.testing.assert_allclose(with_new, users, atol=1e-6)
    np.testing.assert_allclose(of_new[:N_ITEMS], items, atol=1e-6)
    assert not of_new[N_ITEMS:].any()


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_blocks_change_nothing(fit: Callable[..., Vectors], feedback: str) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback})
    whole = fit(likings(), settings, name="whole")
    cut = fit(likings(), settings, name="cut", cuts=CUTS)
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))


@pytest.mark.parametrize(
    ("feedback", "single_task_entries"), [("implicit", 10_000), ("implicit", 0), ("explicit", 0)]
)
def test_spark_changes_nothing(
    fit: Callable[..., Vectors],
    fit_on_spark: Callable[..., Vectors],
    feedback: str,
    single_task_entries: int,
) -> None:
    settings = SETTINGS.model_copy(update={"feedback": feedback, "iterations": 2})
    here = fit(likings(), settings)
    there = fit_on_spark(likings(), settings, single_task_entries, cuts=CUTS)
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


def interrupted(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Halves that are begun; the one called `number` is interrupted when it is first."""
    halves: list[int] = []
    solve_side = alternation.solve_side

    def dies(*arguments: Any, **how: Any) -> Any:
        halves.append(how["number"])
        if halves.count(number) == 1 and halves[-1] == number:
            raise KeyboardInterrupt
        return solve_side(*arguments, **how)

    monkeypatch.setattr(alternation, "solve_side", dies)
    return halves


def test_a_fit_goes_on_where_it_was_interrupted(
    fit: Callable[..., Vectors],
    results: dict[str, AlternationResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undisturbed = fit(likings(), name="undisturbed")
    halves = interrupted(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        fit(likings(), name="killed")
    again = fit(likings(), name="killed")
    assert halves == [*range(6), *range(5, 13)]
    assert all(np.array_equal(a, b) for a, b in zip(undisturbed, again, strict=True))
    assert results["killed"].objective == results["undisturbed"].objective


def test_a_fit_goes_on_once_there_is_space_again(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = fit(likings(), name="undisturbed")
    save, saved = np.save, 0

    def fills_the_disk(path: Path, array: np.ndarray, **how: Any) -> None:
        nonlocal saved
        saved += path.name == "vectors.npy"
        if saved == 9:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(path, array, **how)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", fills_the_disk)
        with pytest.raises(OSError, match="No space left"):
            fit(likings(), name="full", cuts=CUTS)
    again = fit(likings(), name="full", cuts=CUTS)
    assert all(np.array_equal(a, b) for a, b in zip(undisturbed, again, strict=True))


@pytest.mark.parametrize("damage", ["truncated", "other", "gone"])
def test_a_damaged_file_costs_one_half(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    undisturbed = fit(likings(), name="undisturbed")
    halves = interrupted(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        fit(likings(), name="killed")
    newest = read_manifest(tmp_path / "killed/model/progress.json")["states"][0]
    file = Path(newest["parts"]["items"][0]) / "vectors.npy"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-8])
    elif damage == "other":
        (other,) = (tmp_path / "killed/model").glob("users-005-00000-*/vectors.npy")
        shutil.copy(other, file)
    else:
        file.unlink()
    again = fit(likings(), name="killed")
    assert halves == [*range(7), *range(5, 13)]
    assert all(np.array_equal(a, b) for a, b in zip(undisturbed, again, strict=True))


def test_a_fit_with_other_settings_does_not_go_on(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = SETTINGS.model_copy(update={"alpha": 2.0})
    expected = fit(likings(), other, name="expected")
    halves = interrupted(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        fit(likings(), name="shared")
    found = fit(likings(), other, name="shared")
    assert halves == [*range(7), *range(13)]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("solver", ["exact", "cg"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"regularization_scaling": "plain"},
        {
            "regularization_scaling": "frequency_scaled",
            "regularization_exponent": 0.5,
            "unobserved_weight": 0.1,
        },
        {"confidence": "log"},
        {"confidence": "constant"},
        {"feedback": "explicit"},
        {"feedback": "explicit", "biases": False},
    ],
)
def test_the_objective_is_what_is_minimized(
    fit: Callable[..., Vectors],
    results: dict[str, AlternationResult],
    solver: str,
    change: dict[str, Any],
) -> None:
    settings = SETTINGS.model_copy(update={"solver": solver, **change})
    weights = likings() * np.random.default_rng(4).integers(1, 5, (N_USERS, N_ITEMS))
    users, items = fit(weights, settings)
    objective = results["fit"].objective
    assert len(objective) == settings.iterations
    assert list(objective) == sorted(objective, reverse=True)
    assert objective[-1] == pytest.approx(loss_of(weights, settings, users, items), rel=1e-4)


def loss_of(
    weights: np.ndarray, settings: AlsSettings, users: np.ndarray, items: np.ndarray
) -> float:
    """The objective, written out over all cells."""
    predicted = users @ items.T
    if settings.feedback == "explicit":
        known = ~np.isnan(weights)
        error = ((np.nan_to_num(weights) - predicted)[known] ** 2).sum()
        if settings.biases:
            # What is penalized: the vectors and the biases, without the ones and the mean.
            mean = np.nanmean(weights)
            users, items = users[:, :-1], np.column_stack((items[:, :-2], items[:, -1] - mean))
    else:
        known = weights > 0
        form = {"linear": weights, "log": np.log1p(weights), "constant": np.ones_like(weights)}
        confidence = np.where(
            known, 1 + settings.alpha * form[settings.confidence], settings.unobserved_weight
        )
        error = (confidence * (known - predicted) ** 2).sum()
    counts = known.sum(axis=1), known.sum(axis=0)
    for own, count, others in zip((users, items), counts, (N_ITEMS, N_USERS), strict=True):
        scale = {
            "plain": np.ones(len(count)),
            "by_count": count,
            "frequency_scaled": (count + settings.unobserved_weight * others)
            ** settings.regularization_exponent,
        }[settings.regularization_scaling]
        error += settings.regularization * (scale * (own**2).sum(axis=1))[count > 0].sum()
    return float(error)


def test_a_fit_ends_early_where_little_is_gained(
    fit: Callable[..., Vectors], results: dict[str, AlternationResult]
) -> None:
    fit(likings(), SETTINGS.model_copy(update={"iterations": 30}), name="long")
    objective = np.array(results["long"].objective)
    gains = -np.diff(objective) / objective[:-1]
    settings = SETTINGS.model_copy(update={"iterations": 30, "tolerance": 1e-3})
    fit(likings(), settings, name="short")
    calm = int(np.flatnonzero(gains < 1e-3)[0]) + 2
    assert calm < 29
    # The pass after that ends at the solutions, where the long fit goes beyond them.
    *before, last = results["short"].objective
    assert before == list(objective[:calm])
    assert last < before[-1]


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_over_relaxation_gets_further_in_as_many_iterations(
    fit: Callable[..., Vectors],
    results: dict[str, AlternationResult],
    solver: str,
    feedback: str,
) -> None:
    weights = likings() * np.random.default_rng(4).integers(1, 5, (N_USERS, N_ITEMS))
    settings = SETTINGS.model_copy(
        update={"solver": solver, "feedback": feedback, "iterations": 12}
    )
    fit(weights, settings, name="beyond")
    fit(weights, settings.model_copy(update={"over_relaxation": False}), name="plain")
    beyond, plain = (np.array(results[name].objective) for name in ("beyond", "plain"))
    assert beyond[0] == plain[0]  # the first goes to its solutions
    assert beyond[6] < plain[-1]


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_long_rows_are_solved_from_spans(
    fit: Callable[..., Vectors], monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    settings = SETTINGS.model_copy(update={"solver": solver, "iterations": 2})
    usual = implicit_loss(likings(), *fit(likings(), settings, name="usual"))
    for module, name, value in (
        (half, "LONG", 16),
        (half, "SPAN", 12),
        (long_rows, "SPAN", 12),
        (long_rows, "_GROUP", 5),
    ):
        monkeypatch.setattr(module, name, value)
    # Either the tasks that solve a block add up its long rows, or tasks of their own do.
    whole = fit(likings(), settings, name="whole")
    parted = fit(likings(), settings, name="parted", cuts=CUTS, longest=16)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parted, strict=True))
    assert implicit_loss(likings(), *whole) == pytest.approx(usual, rel=1e-2)


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
    _, items = fit(weights, name="earlier", cuts=((), [64]))
    rows, vectors = earlier_fit(tmp_path / "earlier").of(pa.array(["i019", "new", "i005", "i003"]))
    assert rows.tolist() == [0, 3]
    assert np.array_equal(vectors, items[[19, 3]])


def earlier_fit(folder: Path) -> Start:
    progress = read_manifest(folder / "model" / "progress.json")
    blocks = sorted((folder / "blocks").glob("i-*"))
    assert progress is not None
    refs = [BlockRef(n, 0, 0, 0, str(path)) for n, path in enumerate(blocks)]
    return Start(tuple(refs), tuple(progress["states"][0]["parts"]["items"]))


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

    for module, name in (
        (least_squares, "solve_rows"),
        (conjugate_gradients, "_descend_rows"),
        (long_rows, "add_up"),
    ):
        monkeypatch.setattr(module, name, recording(getattr(module, name)))
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


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_mllib_minimizes_the_same(
    spark: SparkSession, fit: Callable[..., Vectors], tmp_path: Path, feedback: str
) -> None:
    weights = likings()
    if feedback == "explicit":
        # Of three dimensions, so that there is one best answer.
        rng = np.random.default_rng(5)
        taste, traits = rng.uniform(0.5, 2, (N_USERS, 3)), rng.uniform(0.5, 2, (3, N_ITEMS))
        weights = np.where(rng.random(weights.shape) < 0.3, taste @ traits, np.nan)
        weights[3] = np.nan
    alike = {"feedback": feedback, "iterations": 15}
    own = SETTINGS.model_copy(update={**alike, "biases": False})
    ours = fit(weights, own)
    users, items = write_blocks(tmp_path / "mllib" / "blocks", weights)
    known = weights > 0 if feedback == "implicit" else ~np.isnan(weights)
    pairs = [
        (int(u), int(i), float(weights[u, i]), float(weights[u, i]), 1.0)
        for u, i in np.argwhere(known)
    ]
    schema = "user_pos int, item_pos int, weight double, value double, rating_weight float"
    data = TrainingData(
        spark=spark,
        interactions=spark.createDataFrame(pairs, schema),
        users=users,
        items=items,
        part="all",
        size=len(pairs),
        end=datetime(2024, 1, 1, tzinfo=UTC),
        segments=spark.range(0),
        segment_names=(),
        seed=42,
        folder=tmp_path / "mllib" / "model",
    )
    settings = AlsSettings(engine="mllib", rank=4, regularization=0.1, alpha=5.0, **alike)
    theirs = stacked(MllibAls(settings).fit(data).shape)
    assert np.flatnonzero(~theirs[0].any(axis=1)).tolist() == [3]  # who has no interaction
    assert loss_of(weights, own, *theirs) == pytest.approx(loss_of(weights, own, *ours), rel=0.01)


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
        fit_on_spark(weights, settings, 0, values=values)
