"""Bayesian personalized ranking: its steps, what it learns, and what it does not depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.pair_steps import PairStep, descend_pairs
from toplists.engine.shapes import open_vectors
from toplists.engine.strata import Descent, descend_by
from toplists.models.bpr import PairGradient

N_USERS, N_ITEMS = 70, 66
CUTS = ([64], [16, 64])
GRIDS = [1 << 20, 60]
"""Entries of a cell: all of them; so few that there are several cells."""


def likings(share: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """`(liked, would be liked)`: users and items are of two kinds, and users like their own."""
    own = np.add.outer(np.arange(N_USERS), np.arange(N_ITEMS)) % 2 == 0
    shown = np.random.default_rng(3).random(own.shape) < share
    return np.where(own & shown, 1.0, np.nan), own


def fit(
    liked: np.ndarray,
    folder: Path,
    *,
    epochs: int = 3,
    by_popularity: bool = False,
    cell_entries: int = 1 << 20,
    **how: object,
) -> np.ndarray:
    """The scores of all items for all users."""
    users, items = write_blocks(folder / "blocks", liked, **how)
    gradient = PairGradient(4, 0.1, 0.01, by_popularity, 0.1, 42, "all")
    descent = Descent({"users": users, "items": items}, gradient, epochs, 42, cell_entries)
    factors = descend_by(descent, folder / "model", write_parts_here).factors
    users_vectors, items_vectors = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (factors.users, factors.items)
    )
    return users_vectors @ items_vectors.T


@pytest.mark.parametrize("cell_entries", GRIDS)
@pytest.mark.parametrize("by_popularity", [False, True])
def test_what_a_user_would_like_comes_first(
    tmp_path: Path, by_popularity: bool, cell_entries: int
) -> None:
    liked, own = likings()
    scores = fit(liked, tmp_path, epochs=20, by_popularity=by_popularity, cell_entries=cell_entries)
    unseen = np.isnan(liked)
    shares = [
        (row[fresh & mine][:, np.newaxis] > row[fresh & ~mine]).mean()
        for row, mine, fresh in zip(scores, own, unseen, strict=True)
    ]
    assert np.mean(shares) > 0.95  # 0.5 by chance


@pytest.mark.parametrize("cell_entries", GRIDS)
def test_blocks_change_nothing(tmp_path: Path, cell_entries: int) -> None:
    liked, _ = likings()
    whole = fit(liked, tmp_path / "whole", cell_entries=cell_entries)
    assert np.array_equal(whole, fit(liked, tmp_path / "cut", cell_entries=cell_entries, cuts=CUTS))


def test_an_item_that_nobody_likes_is_compared_with_nothing(tmp_path: Path) -> None:
    liked, _ = likings()
    # Among the others, so that positions differ: what is drawn must not.
    place, ids = 5, [f"i{n:03}" for n in range(N_ITEMS)]
    beside = np.insert(liked, place, np.nan, axis=1)
    users = [f"u{n:03}" for n in range(N_USERS)]
    without = fit(liked, tmp_path / "without", ids=(users, ids))
    scores = fit(beside, tmp_path / "beside", ids=(users, [*ids[:place], "i004b", *ids[place:]]))
    assert np.array_equal(np.delete(scores, place, axis=1), without)
    assert not scores[:, place].any()


BOTH = np.arange(2, dtype=np.int32)


def one_user(rate: float = 0.1) -> tuple[Entries, np.ndarray, np.ndarray, PairStep]:
    """Who likes the first of two items."""
    one = np.ones(1, dtype=np.float32)
    entries = Entries(np.array([0, 1]), np.zeros(1, dtype=np.int32), one, one)
    user = np.array([[0.5, -0.2]], dtype=np.float32)
    items = np.array([[0.3, 0.1, 0.2], [-0.4, 0.6, 0.1]], dtype=np.float32)
    return entries, user, items, PairStep(rate, 0.3, by_popularity=False)


def test_a_step_is_that_of_the_formula() -> None:
    entries, user, items, step = one_user()
    x, (y, z) = user[0].astype(float), items.astype(float)
    margin = x @ (y[:2] - z[:2]) + y[2] - z[2]
    missing = 1 / (1 + np.exp(margin))
    losses = {
        descend_pairs(entries, user.copy(), items.copy(), BOTH, step, seed) for seed in range(20)
    }
    # The item that was drawn is the liked one, and there is no step; or it is the other.
    assert sorted(losses) == pytest.approx([0, np.log1p(np.exp(-margin))])
    seed = next(
        seed
        for seed in range(20)
        if descend_pairs(entries, user.copy(), items.copy(), BOTH, step, seed) > 0
    )
    descend_pairs(entries, user, items, BOTH, step, seed)
    ones = np.array([*x, 1])
    assert user[0] == pytest.approx(x + 0.1 * (missing * (y - z)[:2] - 0.3 * x))
    assert items[0] == pytest.approx(y + 0.1 * (missing * ones - 0.3 * y))
    assert items[1] == pytest.approx(z + 0.1 * (-missing * ones - 0.3 * z))


def test_popular_items_are_drawn_as_often_as_they_are_liked() -> None:
    """Nobody likes the last item: it is compared with nothing, and all alike it would be."""
    n, every = 200, np.arange(3, dtype=np.int32)
    ones = np.ones(n, dtype=np.float32)
    entries = Entries(np.arange(n + 1), np.arange(n, dtype=np.int32) % 2, ones, ones)
    moved = []
    for by_popularity in (True, False):
        users, items = np.zeros((n, 1), dtype=np.float32), np.zeros((3, 2), dtype=np.float32)
        descend_pairs(entries, users, items, every, PairStep(0.1, 0.0, by_popularity), 1)
        moved.append(bool(items[2].any()))
    assert moved == [False, True]
