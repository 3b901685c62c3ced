"""The low-pass filter against a dense decomposition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted import fit_here, fitted_scores, likings

from toplists.config.model_linear import LowPassSettings
from toplists.engine import spectrum
from toplists.engine.shapes import (
    ItemWeights,
    Mixture,
    item_weights,
)
from toplists.errors import InputRefusedError
from toplists.models.low_pass import LowPass

RANK = 4
LIKED = likings(users=150, items=70)
CUTS = ([64, 128], [64])  # whole chunks
Fit = Callable[..., np.ndarray]


def oracle(liked: np.ndarray, a: float = 0.5, b: float = 0.5, linear: float = 0.0) -> np.ndarray:
    n = np.maximum((liked > 0).sum(axis=1, keepdims=True), 1.0)
    c = np.maximum((liked > 0).sum(axis=0), 1.0)
    normalized = liked / n**b / c**a
    _, _, vectors = np.linalg.svd(normalized, full_matrices=False)
    leading = vectors[:RANK].T
    return liked / c**a @ leading @ leading.T * c**a + linear * liked @ normalized.T @ normalized


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """Scores of users (rows) for items; NaN where there is none."""
    folders = map(tmp_path.joinpath, map(str, count()))

    def fit(liked: np.ndarray, how: Mapping[str, Any] | None = None, **changes: Any) -> np.ndarray:
        settings = LowPassSettings.model_validate({"rank": RANK, "passes": 10, **changes})
        model = LowPass(settings, single_task_entries=0)
        fitted = fit_here(model, liked, next(folders), monkeypatch, **(how or {}))
        return fitted_scores(fitted.shape, liked)

    return fit


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"user_exponent": 0.0, "item_exponent": 0.0},
        {"user_exponent": 0.25, "item_exponent": 0.4},
    ],
)
def test_equals_a_dense_decomposition(fit: Fit, case: dict[str, float]) -> None:
    b, a = case.get("user_exponent", 0.5), case.get("item_exponent", 0.5)
    expected = oracle(LIKED, a, b)
    assert fit(LIKED, {"cuts": CUTS}, **case) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"linear": 0.5, "user_exponent": 0.2, "item_exponent": 0.4},
        {"linear_neighbours": 70},
    ],
)
def test_with_the_linear_filter_it_is_gf_cf(fit: Fit, case: dict[str, float]) -> None:
    given = {"linear": 1 / 0.3, "linear_neighbours": None, **case}
    b, a = case.get("user_exponent", 0.5), case.get("item_exponent", 0.5)
    new = LIKED == 0  # of what is liked already, items say nothing for themselves
    expected = oracle(LIKED, a, b, given["linear"])[new]
    assert fit(LIKED, {"cuts": CUTS}, **given)[new] == pytest.approx(expected, abs=1e-4)


def test_few_neighbours_of_the_linear_filter_are_the_strongest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LowPassSettings(rank=RANK, linear=1.0, linear_neighbours=5)
    shape = fit_here(LowPass(settings, 0), LIKED, tmp_path, monkeypatch).shape
    assert isinstance(shape, Mixture)
    assert isinstance(shape.members[1], ItemWeights)
    found = item_weights(shape.members[1]).toarray()
    counts = (LIKED > 0).sum(axis=0), (LIKED > 0).sum(axis=1, keepdims=True)
    normalized = LIKED / np.sqrt(counts[0] * counts[1])
    exact = normalized.T @ normalized
    np.fill_diagonal(exact, 0)
    assert np.sort(found, axis=0)[-5:] == pytest.approx(np.sort(exact, axis=0)[-5:], rel=1e-5)
    assert ((found > 0).sum(axis=0) == 5).all()


@pytest.mark.parametrize("linear", [0.0, 3.3])
def test_blocks_change_nothing(fit: Fit, linear: float) -> None:
    given = {"passes": 2, "linear": linear}
    assert np.array_equal(fit(LIKED, **given), fit(LIKED, {"cuts": CUTS}, **given), equal_nan=True)


def test_more_passes_come_closer(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "_SPARE", 0)
    far, near = (np.abs(fit(LIKED, passes=n) - oracle(LIKED)).max() for n in (1, 30))
    assert near < far / 2


def test_with_all_vectors_it_gives_back_what_was_liked(fit: Fit) -> None:
    assert fit(LIKED, rank=70) == pytest.approx(LIKED, abs=1e-4)


def test_dependent_likings_are_no_trouble(fit: Fit) -> None:
    # Of rank 2, and asked for 4 vectors.
    liked = np.repeat(np.array([[1, 1, 0, 0], [0, 0, 1, 1]]), 5, axis=0).astype(np.float64)
    assert fit(liked) == pytest.approx(liked, abs=1e-5)


def test_who_likes_nothing_has_no_scores(fit: Fit) -> None:
    liked = LIKED.copy()
    liked[3], liked[:, 4] = 0, 0
    found = fit(liked)
    assert np.isnan(found[3]).all()
    assert np.isnan(found[:, 4]).all()
    rest = np.delete(np.delete(found, 3, axis=0), 4, axis=1)
    cold = np.delete(np.delete(liked, 3, axis=0), 4, axis=1)
    assert rest == pytest.approx(oracle(cold), abs=1e-4)


def test_the_holdout_is_not_learnt_from(fit: Fit) -> None:
    holdout = np.random.default_rng(1).random(LIKED.shape) < 0.3
    left = np.where(holdout, 0, LIKED)
    assert np.array_equal(fit(LIKED, {"holdout": holdout}), fit(left), equal_nan=True)


def test_nothing_to_learn_from_is_refused(fit: Fit) -> None:
    with pytest.raises(InputRefusedError, match="nothing for low_pass to learn from"):
        fit(np.zeros((3, 4)))
