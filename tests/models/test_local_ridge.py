"""Local ridge against the dense formula, for any blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted import fitted_weights, likings

from toplists.config.model_linear import LocalRidgeSettings
from toplists.engine import local_fit
from toplists.engine.blocks import BlockRef, BlockSet
from toplists.engine.local_fit import LocalFit, cut_block
from toplists.models.local_ridge import LocalRidge

K, PENALTY, DROPOUT, DAMPING, LIFT = 5, 2.0, 0.5, 0.5, 0.1
SETTINGS = {
    "neighbours": K,
    "regularization": PENALTY,
    "dropout": DROPOUT,
    "user_exponent": DAMPING,
    "popularity_lift": LIFT,
}
Fit = Callable[..., np.ndarray]


def oracle(liked: np.ndarray, k: int = K) -> np.ndarray:
    """Weights (of the history's items, of the scored ones), densely."""
    counts = np.maximum((liked > 0).sum(axis=1), 1.0)
    gram = (liked.T / counts**DAMPING) @ liked
    norms = np.sqrt(gram.diagonal())
    weights = np.zeros_like(gram)
    for item, column in enumerate(gram):
        with np.errstate(all="ignore"):
            cosines = np.where(column > 0, column / (norms * norms[item]), -1)
        cosines[item] = -1
        near = [
            j for j in np.argsort(-cosines.astype(np.float32), kind="stable")[:k] if cosines[j] > 0
        ]
        system = gram[np.ix_(near, near)]
        system = system + np.diag(PENALTY + DROPOUT * system.diagonal())
        weights[near, item] = np.linalg.solve(system, column[near]) if near else 0
    return weights * np.maximum((liked > 0).sum(axis=0), 1.0) ** LIFT


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    folders = map(tmp_path.joinpath, map(str, count()))

    def fit(liked: np.ndarray, how: Mapping[str, Any] | None = None, **changes: Any) -> np.ndarray:
        settings = LocalRidgeSettings.model_validate({**SETTINGS, **changes})
        model = LocalRidge(settings)
        return fitted_weights(model, liked, next(folders), monkeypatch, **(how or {}))

    return fit


def test_equals_the_dense_formula(fit: Fit) -> None:
    assert fit(likings()) == pytest.approx(oracle(likings()), abs=1e-5)


def test_with_all_items_near_and_no_dropout_it_is_ease(fit: Fit) -> None:
    liked = likings(users=200)
    assert (liked.T @ liked > 0).all()  # items without a common rater are no neighbours
    found = fit(liked, neighbours=liked.shape[1], dropout=0, user_exponent=0, popularity_lift=0)
    inverse = np.linalg.inv(liked.T @ liked + PENALTY * np.eye(liked.shape[1]))
    ease = -inverse / inverse.diagonal()
    np.fill_diagonal(ease, 0)
    assert found == pytest.approx(ease, abs=1e-5)


def test_blocks_and_memory_change_nothing(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(likings())
    monkeypatch.setattr(local_fit, "_SYSTEM_BYTES", 1)
    assert np.array_equal(fit(likings(), {"cuts": ([7, 30], [4, 5])}), whole)


def test_no_task_has_many_more_items_than_others() -> None:
    # Blocks have as many interactions each: a few popular items, and all others.
    blocks = tuple(
        BlockRef(index, first, rows, entries=1_000, path="")
        for index, (first, rows) in enumerate([(0, 20), (20, 0), (20, 100)])
    )
    items, users = BlockSet(blocks, rows=120, columns=50), BlockSet((), rows=50, columns=120)
    fit = LocalFit(users, items, "all", neighbours=K, damping=0.0, solve=lambda _, pull: pull)
    sizes = [[own.stop - own.start for own in cut_block(fit, ref)] for ref in blocks]
    assert sizes == [[20], [0], [34, 34, 32]]


def test_the_holdout_is_not_learnt_from(fit: Fit) -> None:
    liked = likings()
    holdout = np.random.default_rng(1).random(liked.shape) < 0.3
    assert np.array_equal(fit(liked, {"holdout": holdout}), fit(np.where(holdout, 0, liked)))


def test_who_shares_no_rater_has_no_weights(fit: Fit) -> None:
    # Item 0 is liked by user 0 alone, items 1 and 2 by user 1; item 3 by nobody.
    found = fit(np.array([[1, 0, 0, 0], [0, 1, 1, 0]], dtype=np.float64))
    assert np.argwhere(found).tolist() == [[1, 2], [2, 1]]


@pytest.mark.parametrize(
    "change",
    [
        {"neighbours": 2},
        {"regularization": 20.0},
        {"dropout": 0.1},
        {"user_exponent": 0.0},
        {"popularity_lift": 0.2},
    ],
)
def test_every_parameter_changes_something(fit: Fit, change: dict[str, float]) -> None:
    assert not np.allclose(fit(likings(), **change), fit(likings()))
