"""The best items of every shape of model against plain oracles: masks, ties, ranks, odd input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.daemon import load_kernels
from toplists.engine.kernels import factor_scan, ranking_walk, weight_sums
from toplists.engine.kernels.candidates import Candidates, ItemSets, Selection
from toplists.engine.kernels.factor_scan import select_by_factors
from toplists.engine.kernels.ranking_walk import select_by_order
from toplists.engine.kernels.topk import round_score
from toplists.engine.kernels.vector_tiles import TILE_ITEMS, VectorTiles
from toplists.engine.kernels.weight_sums import Sparse, select_by_weights

RANK = 3
SMALL = 8
# Many are equal. Products of the small ones are exact in float32 in any order; the others swallow what
# is added to them, overflow, or are no number.
NUMBERS = np.array([0, 0, 1, 1, -1, 2, -3, 0.5, 2.0**100, np.nan, np.inf], dtype=np.float32)


@dataclass(frozen=True)
class World:
    """Scores of users (rows) for items, what each has seen or is allowed, and what is judged."""

    users: np.ndarray
    items: np.ndarray
    usable: np.ndarray
    seen: np.ndarray
    allowed: np.ndarray | None
    judged: np.ndarray

    @property
    def candidates(self) -> Candidates:
        return Candidates(sets(self.seen), None if self.allowed is None else sets(self.allowed))

    def open_scores(self, scores: np.ndarray) -> np.ndarray:
        """The scores of candidates, NaN for the others."""
        free = (
            ~self.seen & self.usable
            if self.allowed is None
            else ~self.seen & self.usable & self.allowed
        )
        return np.where(free & np.isfinite(scores), scores, np.nan)


def sets(mask: np.ndarray) -> ItemSets:
    """The true columns of each row."""
    rows, columns = np.nonzero(mask)
    indptr = np.searchsorted(rows, np.arange(len(mask) + 1)).astype(np.int64)
    return ItemSets(indptr, columns.astype(np.int32))


@st.composite
def worlds(draw: st.DrawFn, numbers: np.ndarray = NUMBERS) -> World:
    users, items = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    some = numbers[: draw(st.integers(1, len(numbers)))]

    def vectors(n: int) -> np.ndarray:
        drawn = rng.choice(some[:SMALL], (n, RANK))
        drawn[:, 0] = rng.choice(some, n)  # nothing huge cancels something huge
        return drawn

    return World(
        vectors(users),
        vectors(items),
        rng.random(items) < draw(st.sampled_from([0.0, 0.7, 1.0])),
        rng.random((users, items)) < draw(st.sampled_from([0.0, 0.4, 1.0])),
        rng.random((users, items)) < 0.5 if draw(st.booleans()) else None,
        rng.random((users, items)) < 0.5,
    )


def assert_selected(
    found: Selection, open_scores: np.ndarray, judged: np.ndarray, k: int, *, counts: bool = True
) -> None:
    """Lists, scores and ranks are those of a plain sort of every row, and so is how many are scored."""
    if counts:
        assert found.scored.tolist() == np.count_nonzero(~np.isnan(open_scores), axis=1).tolist()
    ranks, scores = [], []
    for row, own in enumerate(open_scores):
        order = sorted(np.flatnonzero(~np.isnan(own)), key=lambda item, own=own: (-own[item], item))
        best = order[:k]
        missing = k - len(best)
        assert found.items[row].tolist() == best + [-1] * missing
        np.testing.assert_array_equal(found.scores[row], [*own[best], *[np.nan] * missing])
        for item in np.flatnonzero(judged[row]):
            ranks.append(order.index(item) + 1 if item in order else 0)
            scores.append(own[item])
    assert found.target_ranks.tolist() == ranks
    np.testing.assert_array_equal(found.target_scores, scores)


def by_factors(
    world: World, k: int, *, rounded: bool = False, tile_bytes: int = 1 << 20
) -> Selection:
    parts = np.array_split(world.items, 2) if len(world.items) > 1 else [world.items]
    return select_by_factors(
        world.users,
        VectorTiles(parts, world.usable, tile_bytes),
        world.candidates,
        k,
        rounded=rounded,
        targets=sets(world.judged),
    )


@given(worlds(), st.integers(1, 11))
def test_factors(world: World, k: int) -> None:
    with np.errstate(all="ignore"):
        scores = world.users.astype(np.float64) @ world.items.T.astype(np.float64)
        # What is too large for float32 is no score.
        scores[np.abs(scores) > np.finfo(np.float32).max] = np.nan
    # Counted are items with vectors, not products.
    in_range = not np.isnan(scores).any()
    assert_selected(
        by_factors(world, k), world.open_scores(scores), world.judged, k, counts=in_range
    )


@given(worlds(np.array([0.5, 0.500001, 0.50001, -0.5, 0.0, 1.0], np.float32)), st.integers(1, 11))
def test_inexact_factors_are_rounded_before_they_are_compared(world: World, k: int) -> None:
    # One feature: products by 1 keep what differs behind the fifth digit.
    world.users[:] = [1, 0, 0]
    scores = np.array([[round_score(float(y[0])) for y in world.items]] * len(world.users))
    found = by_factors(world, k, rounded=True)
    assert_selected(found, world.open_scores(scores), world.judged, k)


@given(worlds(), st.integers(1, 11), st.integers(0, 3))
def test_weights(world: World, k: int, nearest: int) -> None:
    rng = np.random.default_rng(len(world.items) + nearest)
    n_items = len(world.items)
    liked = world.seen * rng.choice([0.5, 1, 2], world.seen.shape)
    weights = rng.choice([-1, 0, 0.25, 0.5, 1], (n_items, n_items)) * (
        rng.random((n_items, n_items)) < nearest / n_items
    )
    found = select_by_weights(
        sparse(liked),
        sparse(weights),
        world.usable,
        world.candidates,
        k,
        targets=sets(world.judged),
    )
    scores = liked @ weights
    scores[scores == 0] = np.nan
    assert_selected(found, world.open_scores(scores), world.judged, k)


def sparse(matrix: np.ndarray) -> Sparse:
    rows = sp.csr_array(matrix.astype(np.float32))
    return Sparse(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data)


@given(worlds(), st.integers(1, 11))
def test_rankings(world: World, k: int) -> None:
    n_items = len(world.items)
    scores = np.random.default_rng(n_items).choice([1.0, 2.0, 3.0], n_items)
    order = np.lexsort((np.arange(n_items), -scores)).astype(np.int32)
    order = order[world.usable[order]]
    found = select_by_order(
        order, scores[order], n_items, world.candidates, k, targets=sets(world.judged)
    )
    everybody = np.tile(scores, (len(world.users), 1))
    assert_selected(found, world.open_scores(everybody), world.judged, k)


@pytest.fixture(scope="module")
def crowd() -> World:
    """More users and items than a tile holds; norms that let many users stop early."""
    rng = np.random.default_rng(3)
    users, items = 4_200, 2 * TILE_ITEMS + 77
    factors = rng.normal(size=(users, 16)), rng.normal(size=(items, 16))
    spread = rng.lognormal(0, 2, (items, 1))
    return World(
        factors[0].astype(np.float32),
        (factors[1] * spread).astype(np.float32),
        rng.random(items) < 0.9,
        rng.random((users, items)) < 0.05,
        None,
        rng.random((users, items)) < 0.001,
    )


def test_users_who_are_done_early_miss_nothing(crowd: World) -> None:
    exact = crowd.users.astype(np.float64) @ crowd.items.T.astype(np.float64)
    found = by_factors(crowd, 7)
    expected = crowd.open_scores(exact)
    order = np.argsort(-np.nan_to_num(expected, nan=-np.inf), axis=1, kind="stable")[:, :7]
    assert (
        np.mean(found.items == order) > 0.999
    )  # what float32 cannot tell apart may stand the other way
    np.testing.assert_allclose(found.scores, np.take_along_axis(expected, order, 1), rtol=1e-5)
    without = select_by_factors(
        crowd.users, VectorTiles([crowd.items], crowd.usable, 1 << 20), crowd.candidates, 7
    )
    np.testing.assert_array_equal(without.items, found.items)


def test_how_users_and_items_are_cut_changes_nothing(crowd: World) -> None:
    whole = by_factors(crowd, 7)
    pieces = by_factors(crowd, 7, tile_bytes=1)  # one tile of items at a time
    for left, right in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(left, right)
    items = VectorTiles([crowd.items], crowd.usable, 1 << 20)
    seen, judged = sets(crowd.seen), sets(crowd.judged)
    for rows in (np.arange(100, 101), np.arange(1000, 1400), np.arange(0, 4200, 14)):
        part = select_by_factors(
            crowd.users[rows], items, Candidates(seen.of(rows)), 7, targets=judged.of(rows)
        )
        np.testing.assert_array_equal(part.items, whole.items[rows])
        np.testing.assert_array_equal(part.scores, whole.scores[rows])
        owned = np.isin(np.repeat(np.arange(4200), np.diff(judged.indptr)), rows)
        np.testing.assert_array_equal(part.target_ranks, whole.target_ranks[owned])


def test_a_worker_has_all_of_them_compiled_for_mapped_arrays(crowd: World, tmp_path: Path) -> None:
    load_kernels()
    kernels = (factor_scan._scan, weight_sums._sum_rows, ranking_walk._walk_rows)
    before = [len(kernel.signatures) for kernel in kernels]
    rows = slice(0, 3)
    seen = ItemSets(
        *(
            mapped(tmp_path / name, array)
            for name, array in sets(crowd.seen[rows])._asdict().items()
        )
    )
    for candidates in (Candidates(seen), Candidates(sets(crowd.seen[rows]), seen)):
        users = mapped(tmp_path / "users", crowd.users[rows])
        select_by_factors(users, VectorTiles([crowd.items], crowd.usable, 1 << 20), candidates, 2)
        select_by_weights(
            sparse(crowd.seen[rows]), sparse(np.eye(len(crowd.items))), crowd.usable, candidates, 2
        )
        select_by_order(np.arange(9, dtype=np.int32), np.ones(9), len(crowd.items), candidates, 2)
    assert [len(kernel.signatures) for kernel in kernels] == before


def mapped(path: Path, array: np.ndarray) -> np.ndarray:
    np.save(path.with_suffix(".npy"), array)
    return np.load(path.with_suffix(".npy"), mmap_mode="r")
