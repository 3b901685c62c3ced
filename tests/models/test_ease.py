"""EASE against the formula, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted import fitted_weights, likings

from toplists.config.model_linear import EaseSettings
from toplists.engine import dense_gram
from toplists.engine.kernels import inversion
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models import ease
from toplists.models.ease import Ease

Fit = Callable[..., np.ndarray]


def oracle(liked: np.ndarray, penalty: float = 10.0, damping: float = 0.5) -> np.ndarray:
    counts = np.maximum((liked > 0).sum(axis=1), 1.0)
    gram = (liked.T / counts**damping) @ liked
    inverse = np.linalg.inv(gram + penalty * np.eye(len(gram)))
    weights = -inverse / inverse.diagonal()
    np.fill_diagonal(weights, 0)
    return weights


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    folders = map(tmp_path.joinpath, map(str, count()))

    def fit(liked: np.ndarray, how: Mapping[str, Any] | None = None, **changes: Any) -> np.ndarray:
        model = Ease(EaseSettings.model_validate({"neighbours": None, **changes}))
        return fitted_weights(model, liked, next(folders), monkeypatch, **(how or {}))

    return fit


def test_equals_the_formula(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_gram, "_PART_BYTES", 500)  # some rows a part
    monkeypatch.setattr(inversion, "_TILE", 7)  # tiles of the inverse that do not come out even
    liked = likings()
    assert fit(liked) == pytest.approx(oracle(liked), abs=1e-5)
    plain = fit(liked, {"cuts": ([7, 30], [4, 5])}, regularization=3.0, user_exponent=0.0)
    assert plain == pytest.approx(oracle(liked, 3.0, 0.0), abs=1e-5)


def test_the_largest_weights_are_kept(fit: Fit) -> None:
    exact = oracle(likings())
    edges = np.sort(np.abs(exact), axis=0)[-6]
    assert fit(likings(), neighbours=6) == pytest.approx(
        np.where(np.abs(exact) >= edges, exact, 0), abs=1e-5
    )


def test_of_equal_weights_the_first_are_kept() -> None:
    inverse = np.array([[-1, 2, 1, -1], [0, 1, -1, 2]], dtype=np.float32)  # of items 1 and 2
    kept = {
        row: (items.tolist(), weights.tolist())
        for row, items, weights in ease._largest(inverse, 1, 2)
    }
    assert kept == {0: ([0, 2], [0.5, -0.5]), 1: ([3, 1], [2.0, 1.0])}


def test_the_holdout_is_not_learnt_from(fit: Fit) -> None:
    liked = likings()
    holdout = np.random.default_rng(1).random(liked.shape) < 0.3
    assert np.array_equal(fit(liked, {"holdout": holdout}), fit(np.where(holdout, 0, liked)))


def test_too_many_items_are_refused(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "_MOST_ITEMS", 20)
    with pytest.raises(ConfigurationError, match=r"there are 24\. Use model\.name=local_ridge"):
        fit(likings())


def test_items_that_nobody_likes_take_no_room(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "_MOST_ITEMS", 24)  # as many as are liked
    exact, places = fit(likings()), [0, 3, 3, 24]
    beside = fit(np.insert(likings(), places, 0, axis=1), {"cuts": ([7], [2, 5])})
    new = np.array(places) + np.arange(len(places))
    assert not beside[new].any()
    assert not beside[:, new].any()
    liked = np.setdiff1d(np.arange(28), new)
    assert np.array_equal(beside[np.ix_(liked, liked)], exact)


def test_where_nothing_is_liked_it_is_refused(fit: Fit) -> None:
    with pytest.raises(InputRefusedError):
        fit(np.zeros((3, 4)))


def test_too_little_memory_is_said_before(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "free_memory", lambda: 2_000)
    with pytest.raises(ConfigurationError, match=r"GiB are free\. Use model\.name=local_ridge"):
        fit(likings())


def test_an_inverse_that_is_none_is_not_used(fit: Fit) -> None:
    # All items are liked by the same users: without a penalty there is no inverse.
    with pytest.raises(ConfigurationError, match=r"regularization=1e-12 is too small a penalty"):
        fit(np.ones((9, 4)), regularization=1e-12)
