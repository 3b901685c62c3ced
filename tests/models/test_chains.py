"""FPMC and TransRec: their steps, what they learn of order, and what they do not depend on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conformance import parameters, random_world, training_data, write_world
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyspark.sql import functions as F
from snapshots import write_blocks

from toplists.engine.blocks import BlockSet
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.chain_steps import ChainStep, descend_chains, descend_translations
from toplists.engine.kernels.entries import Entries
from toplists.engine.kernels.sequences import in_sequence
from toplists.engine.shapes import open_vectors
from toplists.engine.storage import open_array
from toplists.engine.strata import Descent, descend_by
from toplists.engine.times import NEVER
from toplists.errors import InputRefusedError
from toplists.models.fpmc import ChainGradient
from toplists.models.registry import make_model
from toplists.models.transrec import TranslationGradient

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 70, 66
CUTS = ([64], [16, 64])
GRIDS = [1 << 20, 200]
"""Entries of a cell: all of them; so few that there are several cells."""
GRADIENTS = [ChainGradient, TranslationGradient]
LENGTH = 12


def walks(start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`(liked, times)`: every user likes one item after the other, from somewhere on."""
    liked = np.full((N_USERS, N_ITEMS), np.nan)
    times = np.full(liked.shape, NEVER)
    for user in range(N_USERS):
        for step in range(LENGTH):
            item = (start + user * 5 + step) % N_ITEMS
            liked[user, item], times[user, item] = 1, 1_000_000 * (step + 1)
    return liked, times


def fit(
    gradient: type[ChainGradient],
    folder: Path,
    world: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int = 2,
    rate: float = 0.1,
    cell_entries: int = 1 << 20,
    **how: object,
) -> tuple[np.ndarray, np.ndarray, tuple[BlockSet, BlockSet]]:
    """The vectors of users and items, and the blocks."""
    liked, times = world
    users, items = write_blocks(folder / "blocks", liked, times=times, **how)
    own = gradient(6, rate, 0.005, 0.2, 42, "all")
    descent = Descent({"users": users, "items": items}, own, epochs, 42, cell_entries)
    factors = descend_by(descent, folder / "model", write_parts_here).factors
    vectors = [
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (factors.users, factors.items)
    ]
    return vectors[0], vectors[1], (users, items)


@pytest.mark.parametrize("cell_entries", GRIDS)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_what_comes_next_comes_first(
    tmp_path: Path, gradient: type[ChainGradient], cell_entries: int
) -> None:
    liked, times = walks()
    users, items, _ = fit(
        gradient, tmp_path, (liked, times), epochs=25, rate=0.2, cell_entries=cell_entries
    )
    scores = np.where(np.isnan(liked), users @ items.T, -np.inf)
    newest = np.argmax(times, axis=1)
    ranks = [
        int((row > row[(last + 1) % N_ITEMS]).sum())
        for row, last in zip(scores, newest, strict=True)
    ]
    assert np.median(ranks) <= 3  # 27 by chance


@pytest.mark.parametrize("cell_entries", GRIDS)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_blocks_change_nothing(
    tmp_path: Path, gradient: type[ChainGradient], cell_entries: int
) -> None:
    whole = fit(gradient, tmp_path / "whole", walks(), cell_entries=cell_entries)
    cut = fit(gradient, tmp_path / "cut", walks(), cell_entries=cell_entries, cuts=CUTS)
    assert np.array_equal(whole[0], cut[0])
    assert np.array_equal(whole[1], cut[1])


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_an_item_that_nobody_likes_is_compared_with_nothing(
    tmp_path: Path, gradient: type[ChainGradient]
) -> None:
    liked, times = walks()
    ids = [f"u{n:03}" for n in range(N_USERS)], [f"i{n:03}" for n in range(N_ITEMS + 1)]
    without = fit(gradient, tmp_path / "without", (liked, times))
    wider = tuple(
        np.insert(matrix, N_ITEMS, nothing, axis=1)
        for matrix, nothing in ((liked, np.nan), (times, NEVER))
    )
    beside = fit(gradient, tmp_path / "beside", wider, ids=ids)
    assert np.array_equal(beside[0], without[0])
    assert np.array_equal(beside[1][:N_ITEMS], without[1])


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_newest_item_decides(tmp_path: Path, gradient: type[ChainGradient]) -> None:
    """Two users who like the same, one after the other and the other way round."""
    liked, times = walks()
    liked[1], times[1] = liked[0], -times[0]
    times[1][np.isnan(liked[1])] = NEVER
    liked[2], times[2] = (
        np.where(np.isnan(liked[2]), np.nan, 1),
        NEVER,
    )  # whose likings have no time
    users, items, blocks = fit(gradient, tmp_path, (liked, times))
    assert not np.allclose(users[0] @ items.T, users[1] @ items.T)
    assert np.isfinite(users[2] @ items.T).all()
    newest = np.concatenate([ref.open().sequence("all").newest for ref in blocks[0].blocks])
    assert newest[[0, 1, 2]].tolist() == [LENGTH - 1, 0, -1]


@pytest.mark.parametrize("name", ["fpmc", "transrec"])
def test_without_times_it_is_refused(spark: SparkSession, tmp_path: Path, name: str) -> None:
    model = make_model(name, parameters(name))
    written = write_world(tmp_path, random_world(users=5, items=4))
    data = training_data(spark, written, tmp_path / "model", values=False)
    timeless = data.interactions.withColumn("event_time", F.lit(None).cast("timestamp"))
    with pytest.raises(InputRefusedError, match=rf"{name} learns from the order .*=bpr\."):
        model.fit(replace(data, interactions=timeless))


def test_the_product_is_the_distance(tmp_path: Path) -> None:
    """What is stored says b - |g_last + t_u + t - g|² of the state that the fit came to."""
    world = walks()
    users, items, blocks = fit(TranslationGradient, tmp_path, world)
    gradient = TranslationGradient(6, 0.1, 0.005, 0.2, 42, "all")
    descent = Descent(dict(zip(("users", "items"), blocks, strict=True)), gradient, 2, 42)
    (last,) = sorted((tmp_path / "model").glob("stratum-0001*"))
    state_of_users, state = open_array(last, "users"), open_array(last, "items")
    assert descent.cells.grid.size == 1
    points, biases = state[:, :6].astype(float), state[:, 6]
    newest = np.argmax(world[1], axis=1)
    goals = points[newest] + state_of_users[:, :6] + state_of_users[:, 6:]
    distances = ((goals[:, np.newaxis] - points) ** 2).sum(axis=2)
    np.testing.assert_allclose(users @ items.T, biases - distances, atol=1e-5)
    assert (np.linalg.norm(points, axis=1) <= 1 + 1e-6).all()
    assert (state_of_users[:, 6:] == state_of_users[0, 6:]).all()


@given(
    arrays(np.int64, st.tuples(st.integers(1, 4), st.just(5)), elements=st.integers(-2, 3)),
)
def test_each_has_before_it_what_came_before(when: np.ndarray) -> None:
    """-1 = has it not, -2 = has it without a time."""
    rows, items = np.nonzero(when != -1)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(when)))))
    times = np.where(when[rows, items] < 0, NEVER, when[rows, items])
    found = in_sequence(indptr, items.astype(np.int32), times, NEVER)
    for row in range(len(when)):
        order = sorted((when[row, item], item) for item in range(5) if when[row, item] >= 0)
        before = {item: earlier for (_, earlier), (_, item) in pairwise(order)}
        own = slice(indptr[row], indptr[row + 1])
        assert found.before[own].tolist() == [before.get(int(item), -1) for item in items[own]]
        assert found.newest[row] == (order[-1][1] if order else -1)


RATE, PENALTY = 0.1, 0.3
ALL = np.arange(3, dtype=np.int32)


def one_liking(before: int) -> Entries:
    """A user who likes item 1 after `before`, and item 0 long ago."""
    ones = np.ones(2, dtype=np.float32)
    earlier = np.array([-1, before], dtype=np.int32)
    return Entries(np.array([0, 2]), np.array([0, 1], dtype=np.int32), ones, ones, earlier)


@cache
def one_step() -> int:
    """A seed with which of both likings the second alone makes a step: against item 2."""
    for seed in range(1000):
        users, items = np.zeros((1, 1), np.float32), np.zeros((3, 3), np.float32)
        items[:, 2] = [1, 0, 0]
        loss = descend_chains(
            one_liking(0), users, items, items[:0], ALL, ChainStep(0.1, 0.0), seed
        )
        if loss == pytest.approx(np.log(2)) and items[1, 1] > 0 > items[2, 1]:
            return seed
    raise AssertionError("no such seed")


RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("before", [0, -2 - 3])
def test_a_step_of_chains_is_that_of_the_formula(before: int) -> None:
    users, items, outside = (
        RANDOM.normal(size=shape).astype(np.float32) for shape in ((1, 2), (3, 6), (5, 6))
    )
    link = (items[0] if before == 0 else outside[3])[4:].astype(float)
    x, first, y, z = (row.astype(float) for row in (users[0], *items))
    margin = x @ (y - z)[:2] + link @ (y - z)[2:4]
    missing = 1 / (1 + np.exp(margin))
    step = ChainStep(RATE, PENALTY)
    loss = descend_chains(one_liking(before), users, items, outside, ALL, step, one_step())
    assert loss == pytest.approx(np.log1p(np.exp(-margin)))

    def moved(old: np.ndarray, gradient: np.ndarray) -> object:
        return pytest.approx(old + RATE * (missing * gradient - PENALTY * old), rel=1e-5)

    assert users[0] == moved(x, (y - z)[:2])
    assert items[1][:4] == moved(y[:4], np.concatenate((x, link)))
    assert items[2][:4] == moved(z[:4], -np.concatenate((x, link)))
    assert items[0][:4] == pytest.approx(first[:4])
    assert items[0][4:] == (moved(link, (y - z)[2:4]) if before == 0 else pytest.approx(first[4:]))


@pytest.mark.parametrize("before", [0, -2 - 3])
@pytest.mark.parametrize("size", [0.1, 1.0])  # within the ball, and beyond it
def test_a_step_of_translations_is_that_of_the_formula(before: int, size: float) -> None:
    users, items, outside = (
        (size * RANDOM.normal(size=shape)).astype(np.float32) for shape in ((1, 4), (3, 3), (5, 3))
    )
    start = (items[0] if before == 0 else outside[3])[:2].astype(float)
    own, shared = users[0, :2].astype(float), users[0, 2:].astype(float)
    y, z = items[1].astype(float), items[2].astype(float)
    goal = start + own + shared
    margin = y[2] - ((goal - y[:2]) ** 2).sum() - z[2] + ((goal - z[:2]) ** 2).sum()
    missing = 1 / (1 + np.exp(margin))
    step = ChainStep(RATE, PENALTY)
    loss = descend_translations(one_liking(before), users, items, outside, ALL, step, one_step())
    assert loss == pytest.approx(np.log1p(np.exp(-margin)), rel=1e-5)

    def moved(old: np.ndarray, gradient: np.ndarray | float) -> np.ndarray:
        return old + RATE * (missing * gradient - PENALTY * old)

    def within(point: np.ndarray) -> object:
        return pytest.approx(point / max(1.0, np.linalg.norm(point)), rel=1e-4, abs=1e-6)

    pull = 2 * (y - z)[:2]
    assert users[0] == pytest.approx(
        np.concatenate((moved(own, pull), moved(shared, pull))), rel=1e-4
    )
    assert items[1][:2] == within(moved(y[:2], 2 * (goal - y[:2])))
    assert items[2][:2] == within(moved(z[:2], -2 * (goal - z[:2])))
    assert items[1:, 2] == pytest.approx([moved(y[2], 1.0), moved(z[2], -1.0)], rel=1e-4)
    if before == 0:
        assert items[0][:2] == within(moved(start, pull))
