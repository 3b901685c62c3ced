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
from fitted import fit_here, fitted_scores, fitted_weights
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from scipy.special import xlogy

from toplists.config.model_knn import (
    ItemKnnSettings,
    P3AlphaSettings,
    Rp3BetaSettings,
    UserKnnSettings,
)
from toplists.config.model_linear import (
    EaseSettings,
    LocalRidgeSettings,
    LowPassSettings,
    SlimSettings,
)
from toplists.engine.shapes import NEIGHBOURS, UserWeights, open_rows
from toplists.models.ease import Ease
from toplists.models.item_knn import ItemKnn
from toplists.models.local_ridge import LocalRidge
from toplists.models.low_pass import LowPass
from toplists.models.protocol import Model
from toplists.models.random_walk import make_p3alpha, make_rp3beta
from toplists.models.slim import Slim
from toplists.models.user_knn import UserKnn

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


def asymmetric_cosine(liked: Matrix) -> Matrix:
    """Of the history's item 0.3, of the scored one 0.7."""
    sizes = liked.sum(axis=0)
    return together(liked) / np.outer(sizes**0.3, sizes**0.7)


def lift(liked: Matrix) -> Matrix:
    sizes = liked.sum(axis=0)
    return together(liked) * np.count_nonzero(liked.any(axis=1)) / np.outer(sizes, sizes)


def log_likelihood_ratio(liked: Matrix) -> Matrix:
    """Dunning's 2 Σ O log(O / E) over the four cells of who likes which; 0 of what repels."""
    users, sizes = np.count_nonzero(liked.any(axis=1)), liked.sum(axis=0)
    both = together(liked)
    own, others = np.broadcast_arrays(sizes[:, np.newaxis], sizes)
    cells = [
        (both, own * others),
        (own - both, own * (users - others)),
        (others - both, (users - own) * others),
        (users - own - others + both, (users - own) * (users - others)),
    ]
    ratio = 2 * sum(xlogy(seen, seen * users / expected) for seen, expected in cells)
    return np.where(both * users > own * others, ratio, 0)


@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({"measure": "cosine"}, cosine),
        ({"measure": "asymmetric_cosine", "asymmetry": 0.3}, asymmetric_cosine),
        ({"measure": "jaccard"}, jaccard),
        ({"measure": "lift"}, lift),
        ({"measure": "log_likelihood_ratio"}, log_likelihood_ratio),
        ({"weighting": "bm25"}, bm25),
    ],
)
def test_neighbours(
    liked: Matrix, fit: Fit, settings: dict[str, Any], formula: Callable[[Matrix], Matrix]
) -> None:
    given = ItemKnnSettings.model_validate({"shrinkage": 0.0, "neighbours": K, **settings})
    assert_strongest(fit(ItemKnn(given)), formula(liked))


@pytest.mark.parametrize(
    ("model", "alpha", "beta"),
    [
        (make_p3alpha(P3AlphaSettings(neighbours=K, alpha=1.4)), 1.4, 0.0),
        (make_rp3beta(Rp3BetaSettings(neighbours=K)), 1.0, 0.6),
    ],
    ids=["p3alpha", "rp3beta"],
)
def test_walks(liked: Matrix, fit: Fit, model: Model, alpha: float, beta: float) -> None:
    sizes = liked.sum(axis=0)
    of_users = liked / np.maximum(liked.sum(axis=1, keepdims=True), 1)
    steps = ((liked / sizes) ** alpha).T @ of_users**alpha
    np.fill_diagonal(steps, 0)
    assert_strongest(fit(model), steps / sizes**beta)


def test_similar_users(liked: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = UserKnn(UserKnnSettings(neighbours=K))
    shape = fit_here(model, liked, tmp_path, monkeypatch).shape
    assert isinstance(shape, UserWeights)
    found = np.zeros((len(liked), len(liked)))
    first = 0
    for part in shape.users:
        rows = open_rows(part, NEIGHBOURS)
        owners = first + np.repeat(np.arange(len(rows.indptr) - 1), np.diff(rows.indptr))
        found[rows.columns, owners] = rows.values
        first += len(rows.indptr) - 1
    known = liked.any(axis=1)
    assert_strongest(found[np.ix_(known, known)], cosine(liked[known].T))


@pytest.mark.parametrize(
    "settings",
    [
        {"user_exponent": 0.0, "item_exponent": 0.0},
        {},
        {"linear": 1 / 0.3, "linear_neighbours": None},
    ],
    ids=["pure_svd", "ideal_filter", "gf_cf"],
)
def test_low_pass(
    liked: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    given = LowPassSettings.model_validate({"passes": 60, **settings})
    of_users = np.maximum(liked.sum(axis=1, keepdims=True), 1) ** given.user_exponent
    of_items = liked.sum(axis=0) ** given.item_exponent
    normalized = liked / of_users / of_items
    _, values, vectors = svds(csr_array(normalized), k=17, random_state=1)
    values, vectors = values[::-1], vectors[::-1]
    # As many vectors as stand out from the next: which of equal ones are found is chance.
    rank = 5 + int(np.argmax(values[4:-1] / values[5:]))
    exact = liked / of_items @ vectors[:rank].T @ vectors[:rank] * of_items
    if given.linear:
        exact += given.linear * (
            csr_array(liked) @ (csr_array(normalized).T @ csr_array(normalized))
        )
    model = LowPass(given.model_copy(update={"rank": rank}), 0)
    found = fitted_scores(fit_here(model, liked, tmp_path, monkeypatch).shape, liked)
    # Who likes nothing has no scores, and for what is liked items do not speak themselves.
    compared = liked.any(axis=1)[:, np.newaxis] & (liked == 0)
    np.testing.assert_allclose(found[compared], exact[compared], atol=1e-4)


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
