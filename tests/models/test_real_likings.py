"""Models of likings on real ones, against the formulas of their papers in plain NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fitted import fitted_weights

from toplists.config.model_knn import ItemKnnSettings, Rp3BetaSettings
from toplists.config.model_linear import EaseSettings, LocalRidgeSettings, SlimSettings
from toplists.models.ease import Ease
from toplists.models.item_knn import ItemKnn
from toplists.models.local_ridge import LocalRidge
from toplists.models.protocol import Model
from toplists.models.random_walk import make_rp3beta
from toplists.models.slim import Slim

NAMES = ["ml-latest-small", "goodbooks"]
_LIKED, _USERS, _ITEMS = 4, 1_500, 700


@pytest.fixture(scope="module", params=NAMES)
def liked(request: pytest.FixtureRequest, ratings_data: Path) -> np.ndarray:
    """1 where a user likes an item, of the users who came first and what most of them like."""
    if request.param == "goodbooks":
        rated = pd.read_parquet(ratings_data / "goodbooks/ratings.parquet")
    else:
        rated = pd.read_csv(ratings_data / "ml-latest-small/ratings.csv.gz")
    user, item, value = rated.columns[:3]
    likings = rated[(rated[value] >= _LIKED) & (rated[user] <= _USERS)]
    table = pd.crosstab(likings[user], likings[item])
    popular = np.sort(np.argsort(-table.sum().to_numpy(), kind="stable")[:_ITEMS])
    return np.minimum(table.to_numpy()[:, popular], 1).astype(np.float64)


def fit(model: Model, liked: np.ndarray, folder: Path, patch: pytest.MonkeyPatch) -> np.ndarray:
    """The weights as [scored item, item of the history]."""
    return fitted_weights(model, liked, folder, patch).T


def assert_nearest(found: np.ndarray, exact: np.ndarray, k: int) -> None:
    """Of each row the k largest but itself are there, each as it should be; at the edge either of equal ones."""
    exact = exact.copy()
    np.fill_diagonal(exact, 0)
    kept = found != 0
    np.testing.assert_allclose(found[kept], exact[kept], rtol=1e-4)
    assert np.array_equal(kept.sum(axis=1), np.minimum((exact > 0).sum(axis=1), k))
    edge = np.sort(exact, axis=1)[:, [-k]]
    assert (found >= np.where(exact > edge * (1 + 1e-5), exact * (1 - 1e-4), 0)).all()


def damped_gram(liked: np.ndarray) -> np.ndarray:
    weights = np.maximum(liked.sum(axis=1, keepdims=True), 1) ** -0.5
    gram: np.ndarray = (liked * weights).T @ liked
    return gram


def test_cosine(liked: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms = np.sqrt(liked.sum(axis=0))
    settings = ItemKnnSettings(measure="cosine", shrinkage=0, neighbours=50)
    found = fit(ItemKnn(settings), liked, tmp_path, monkeypatch)
    assert_nearest(found, liked.T @ liked / np.outer(norms, norms), 50)


def test_rp3beta(liked: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = liked.sum(axis=0)
    to_users = liked / counts
    to_items = liked / np.maximum(liked.sum(axis=1, keepdims=True), 1)
    model = make_rp3beta(Rp3BetaSettings(neighbours=50, beta=0.6))
    found = fit(model, liked, tmp_path, monkeypatch)
    assert_nearest(found, (to_users.T @ to_items).T / counts[:, np.newaxis] ** 0.6, 50)


def test_ease(liked: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inverse = np.linalg.inv(damped_gram(liked) + 10 * np.eye(liked.shape[1]))
    exact = -inverse / inverse.diagonal()
    np.fill_diagonal(exact, 0)
    settings = EaseSettings(neighbours=None, regularization=10.0, user_exponent=0.5)
    found = fit(Ease(settings), liked, tmp_path, monkeypatch)
    np.testing.assert_allclose(found, exact.T, atol=1e-4)


def test_local_ridge(liked: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all others for neighbours it is EASE with a penalty by popularity."""
    n = liked.shape[1]
    gram = damped_gram(liked)
    settings = LocalRidgeSettings(
        neighbours=n, regularization=10.0, dropout=0.5, user_exponent=0.5, popularity_lift=0.0
    )
    found = fit(LocalRidge(settings), liked, tmp_path, monkeypatch)
    for item in range(0, n, 50):
        # Neighbours are those with anybody in common.
        others = np.flatnonzero((gram[item] > 0) & (np.arange(n) != item))
        system = gram[np.ix_(others, others)] + np.diag(10 + 0.5 * gram.diagonal()[others])
        exact = np.zeros(n)
        exact[others] = np.linalg.solve(system, gram[others, item])
        np.testing.assert_allclose(found[item], exact, atol=1e-4)


def test_slim(liked: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are at the minimum: no step along any of them lowers the loss."""
    l1, l2 = 1.0, 5.0
    gram = damped_gram(liked)
    settings = SlimSettings(
        neighbours=None, l1_regularization=l1, l2_regularization=l2, passes=1_000, user_exponent=0.5
    )
    found = fit(Slim(settings), liked, tmp_path, monkeypatch)
    # Karush, Kuhn and Tucker: the gradient is 0 where a weight is above 0, and not negative where it is 0.
    gradient = found @ gram - gram + l1 + l2 * found
    np.fill_diagonal(gradient, 0)
    assert (found >= 0).all()
    assert np.abs(gradient[found > 0]).max() < 1e-3
    assert gradient[found == 0].min() > -1e-3
