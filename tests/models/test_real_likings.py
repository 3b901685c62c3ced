"""Models of likings on real data against plain programs: MovieLens ml-latest-small, and part of goodbooks.

Small worlds have few ties, no long tails and no items that are liked by the same people; these have.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

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

pytestmark = pytest.mark.fits

K = 40
Matrix = np.ndarray
Fit = Callable[[Model], Matrix]


def read_movies(data: Path) -> pd.DataFrame:
    ratings = pd.read_csv(data / "ml-latest-small" / "ratings.csv.gz")
    return ratings.set_axis(["user", "item", "value", "time"], axis=1)


def read_books(data: Path) -> pd.DataFrame:
    """Of the first 5,000 users."""
    ratings = pd.read_parquet(data / "goodbooks" / "ratings.parquet")
    ratings = ratings.set_axis(["user", "item", "value", *ratings.columns[3:]], axis=1)
    return ratings[ratings.user <= np.sort(ratings.user.unique())[4_999]]


@pytest.fixture(scope="module", params=[read_movies, read_books], ids=["movies", "books"])
def liked(request: pytest.FixtureRequest, ratings_data: Path) -> Matrix:
    """Who likes what, of items with ten likings or more: float64[users, items], 0 or 1."""
    ratings = request.param(ratings_data)
    ratings = ratings[ratings.value >= 4]
    ratings = ratings[ratings.groupby("item").item.transform("size") >= 10]
    places = tuple(pd.factorize(ratings[side], sort=True)[0] for side in ("user", "item"))
    matrix = np.zeros((places[0].max() + 1, places[1].max() + 1))
    matrix[places] = 1.0
    return matrix


@pytest.fixture
def fit(liked: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """The weights of a fit (of the history's items, of the scored ones)."""
    folders = map(tmp_path.joinpath, map(str, count()))
    return lambda model: fitted_weights(model, liked, next(folders), monkeypatch)


def weighted_gram(liked: Matrix) -> Matrix:
    """Likings of a user with n of them count n^-½."""
    gram: Matrix = (liked.T / np.maximum(liked.sum(axis=1), 1) ** 0.5) @ liked
    return gram


def assert_strongest(found: Matrix, exact: Matrix) -> None:
    """Each scored item has its K largest weights; of equal ones at the end any."""
    np.testing.assert_allclose(found[found != 0], exact[found != 0], rtol=1e-5)
    largest = np.sort(exact, axis=0)[-K:]
    np.testing.assert_allclose(np.sort(found, axis=0)[-K:], largest, rtol=1e-5, atol=1e-12)


def together(liked: Matrix) -> Matrix:
    """How many like both of two items; none both of one."""
    both = liked.T @ liked
    np.fill_diagonal(both, 0)
    return both


def cosine(liked: Matrix) -> Matrix:
    norms = np.sqrt(liked.sum(axis=0))
    return together(liked) / np.outer(norms, norms)


def jaccard(liked: Matrix) -> Matrix:
    both, sizes = together(liked), liked.sum(axis=0)
    return both / (np.add.outer(sizes, sizes) - both)


def bm25(liked: Matrix) -> Matrix:
    """As `implicit` has it: items are documents, users are terms; k1 = 100, b = 0.8."""
    lengths, n_items = liked.sum(axis=0), liked.shape[1]
    idf = np.log(n_items) - np.log1p(liked.sum(axis=1))
    weights = liked * 101 / (100 * (0.2 + 0.8 * lengths / lengths.mean()) + 1) * idf[:, np.newaxis]
    weights /= np.linalg.norm(weights, axis=0)
    return together(weights)


@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({"measure": "cosine"}, cosine),
        ({"measure": "jaccard"}, jaccard),
        ({"weighting": "bm25"}, bm25),
    ],
)
def test_neighbours(
    liked: Matrix, fit: Fit, settings: dict[str, Any], formula: Callable[[Matrix], Matrix]
) -> None:
    given = ItemKnnSettings.model_validate({"shrinkage": 0.0, "neighbours": K, **settings})
    assert_strongest(fit(ItemKnn(given)), formula(liked))


def test_walks(liked: Matrix, fit: Fit) -> None:
    sizes = liked.sum(axis=0)
    steps = (liked / sizes).T @ (liked / np.maximum(liked.sum(axis=1, keepdims=True), 1))
    np.fill_diagonal(steps, 0)
    found = fit(make_rp3beta(Rp3BetaSettings(neighbours=K)))
    assert_strongest(found, steps / sizes**0.6)


def test_ease(liked: Matrix, fit: Fit) -> None:
    inverse = np.linalg.inv(weighted_gram(liked) + 10 * np.eye(liked.shape[1]))
    exact = -inverse / inverse.diagonal()
    np.fill_diagonal(exact, 0)
    np.testing.assert_allclose(fit(Ease(EaseSettings(neighbours=None))), exact, atol=1e-4)


def near(gram: Matrix, item: int) -> Matrix | None:
    """The K items that are most similar to one, ascending; `None` where more are as similar as the last."""
    cosines = gram[item] / np.sqrt(gram.diagonal() * gram[item, item])
    cosines[item] = 0
    order = np.argsort(-cosines)[: K + 1]
    last, next_one = cosines[order[-2:]]
    return np.sort(order[:-1]) if last - next_one > 1e-6 else None


def test_local_ridge(liked: Matrix, fit: Fit) -> None:
    found, gram = fit(LocalRidge(LocalRidgeSettings(neighbours=K))), weighted_gram(liked)
    compared = 0
    for item, own in enumerate(found.T):
        if (others := near(gram, item)) is not None:
            system = gram[np.ix_(others, others)]
            system = system + np.diag(10 + 0.5 * system.diagonal())
            exact = np.linalg.solve(system, gram[others, item])
            np.testing.assert_allclose(own[others], exact, atol=1e-4)
            compared += 1
    assert compared > 0.8 * len(gram)


def test_slim_on_all_items(liked: Matrix, fit: Fit) -> None:
    """No step along any weight lowers the loss (Karush, Kuhn, Tucker)."""
    l1, l2, gram = 1.0, 5.0, weighted_gram(liked)
    settings = SlimSettings(
        neighbours=None, l1_regularization=l1, l2_regularization=l2, passes=1_000
    )
    found = fit(Slim(settings))
    assert (found >= 0).all()
    gradient = gram @ found - gram + l1 + l2 * found
    np.fill_diagonal(gradient, 0)
    assert np.abs(gradient[found > 0]).max() < 1e-3
    assert gradient[found == 0].min() > -1e-3


def test_slim(liked: Matrix, fit: Fit) -> None:
    found, gram = fit(Slim(SlimSettings(neighbours=K))), weighted_gram(liked)
    compared = 0
    for item in range(0, len(gram), 7):
        if (others := near(gram, item)) is not None:
            exact = descend(gram[np.ix_(others, others)], gram[others, item])
            np.testing.assert_allclose(found[others, item], exact, atol=1e-4)
            compared += 1
    assert compared > 0.8 * len(gram) / 7


def descend(gram: Matrix, pull: Matrix) -> Matrix:
    """Weights of an elastic net, none below 0, one after the other: penalties are 0.1 and 5."""
    weights = np.zeros(len(pull))
    for _ in range(300):
        for j, own in enumerate(gram):
            left = pull[j] - own @ weights + own[j] * weights[j]
            weights[j] = max(left - 0.1, 0) / (own[j] + 5)
    return weights
