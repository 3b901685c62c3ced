"""SLIM against plain coordinate descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted import fitted_weights, likings

from toplists.config.model_linear import SlimSettings
from toplists.engine import dense_gram
from toplists.engine.kernels import elastic_net
from toplists.engine.kernels.elastic_net import Penalty, fit_to_all
from toplists.errors import ConfigurationError
from toplists.models import slim
from toplists.models.slim import Slim

L1, L2, DAMPING = 0.7, 2.0, 0.5
SETTINGS = {
    "neighbours": None,
    "l1_regularization": L1,
    "l2_regularization": L2,
    "positive": True,
    "passes": 1_000,
    "user_exponent": DAMPING,
}
Fit = Callable[..., np.ndarray]


def oracle(liked: np.ndarray, *, positive: bool = True, k: int | None = None) -> np.ndarray:
    """On the likings themselves, as the paper has it, one weight after another."""
    scaled = liked / np.maximum((liked > 0).sum(axis=1, keepdims=True), 1) ** (DAMPING / 2)
    norms = np.maximum(np.linalg.norm(scaled, axis=0), 1e-12)
    cosines = (scaled.T @ scaled / np.outer(norms, norms)).astype(np.float32)
    weights = np.zeros(cosines.shape)
    for item, own in enumerate(weights.T):
        others = [j for j in np.argsort(-cosines[item], kind="stable") if j != item][:k]
        for _ in range(1_000):
            for j in others:
                left = scaled[:, item] - scaled @ own + scaled[:, j] * own[j]
                pull = scaled[:, j] @ left
                size = max(abs(pull) - L1, 0) / (norms[j] ** 2 + L2)
                own[j] = size if pull > 0 else 0 if positive else -size
    return weights


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    folders = map(tmp_path.joinpath, map(str, count()))

    def fit(liked: np.ndarray, how: Mapping[str, Any] | None = None, **changes: Any) -> np.ndarray:
        model = Slim(SlimSettings.model_validate({**SETTINGS, **changes}))
        return fitted_weights(model, liked, next(folders), monkeypatch, **(how or {}))

    return fit


LIKED = likings(users=50, items=12)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("first", [2, 128])
def test_all_others_equal_plain_descent(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, positive: bool, first: int
) -> None:
    monkeypatch.setattr(dense_gram, "_PART_BYTES", 150)  # some rows a part
    monkeypatch.setattr(elastic_net, "_FIRST", first)  # joining a few at a time, and all at once
    found = fit(LIKED, {"cuts": ([7, 30], [4, 5])}, positive=positive)
    assert found == pytest.approx(oracle(LIKED, positive=positive), abs=1e-4)
    assert 0.1 < np.mean(found == 0) < 0.9
    assert (found < 0).any() != positive


def test_the_most_similar_ones_equal_plain_descent(fit: Fit) -> None:
    assert fit(LIKED, neighbours=4) == pytest.approx(oracle(LIKED, k=4), abs=1e-4)
    assert fit(LIKED, neighbours=11) == pytest.approx(fit(LIKED), abs=1e-4)


def test_the_holdout_is_not_learnt_from(fit: Fit) -> None:
    holdout = np.random.default_rng(1).random(LIKED.shape) < 0.3
    assert np.array_equal(fit(LIKED, {"holdout": holdout}), fit(np.where(holdout, 0, LIKED)))


@pytest.mark.parametrize(
    "change",
    [
        {"l1_regularization": 0.2},
        {"l2_regularization": 9.0},
        {"passes": 1},
        {"user_exponent": 0.0},
    ],
)
def test_every_parameter_changes_something(fit: Fit, change: dict[str, float]) -> None:
    assert not np.allclose(fit(LIKED, **change), fit(LIKED), atol=1e-3)


def test_more_weights_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    likings = (rng.random((40, 12)) < 0.5).astype(np.float32)
    gram = likings.T @ likings
    penalty = Penalty(1e-3, 1.0, positive=False, passes=100)
    weights = fit_to_all(lambda rows: gram[rows], 0, penalty)[1]
    assert len(weights) > 3
    monkeypatch.setattr(elastic_net, "MOST_WEIGHTS", 3)
    with pytest.raises(ArithmeticError, match="more than 3 weights"):
        fit_to_all(lambda rows: gram[rows], 0, penalty)


def test_too_many_items_for_all_pairs_are_refused(
    fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slim, "_MOST_ITEMS", 11)
    assert fit(LIKED, neighbours=2).any()
    with pytest.raises(ConfigurationError, match=r"there are 12\. Set model\.slim\.neighbours"):
        fit(LIKED)


def test_items_that_nobody_likes_take_no_room(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slim, "_MOST_ITEMS", 12)  # as many as are liked
    exact, places = fit(LIKED), [0, 3, 3, 12]
    beside = fit(np.insert(LIKED, places, 0, axis=1), {"cuts": ([7], [2, 5])})
    liked = np.setdiff1d(np.arange(16), np.array(places) + np.arange(len(places)))
    assert np.array_equal(beside[np.ix_(liked, liked)], exact)
    assert np.count_nonzero(beside) == np.count_nonzero(exact)


def test_where_nothing_is_liked_there_are_no_weights(fit: Fit) -> None:
    assert not fit(np.zeros((3, 4))).any()
