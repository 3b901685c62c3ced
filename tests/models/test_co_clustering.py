"""Co-clustering against a plain program, and on clusters that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.baselines import Rated
from toplists.engine.co_clusters import CoClustering, fit_co_clusters
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.draws import derive_seed, hash_ids, random_bits
from toplists.engine.shapes import open_vectors

N_USERS, N_ITEMS = 70, 30


def ratings() -> np.ndarray:
    """Two clusters of users, three of items, some half stars; user 3 and item 5 have none."""
    rng = np.random.default_rng(1)
    means = np.array([[1.0, 3.0, 4.5], [4.0, 2.5, 1.5]])
    values = means[np.arange(N_USERS) % 2][:, np.arange(N_ITEMS) % 3]
    values = values + rng.choice([-0.5, 0, 0.5], values.shape)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[3], values[:, 5] = np.nan, np.nan
    return values


def fitted(values: np.ndarray, folder: Path, clusters: tuple[int, int], epochs: int, **how: Any):
    users, items = write_blocks(folder / "blocks", values, **how)
    rated = Rated(users, items, "train", float(np.nanmean(values)))
    wanted = {"users": clusters[0], "items": clusters[1]}
    shape = fit_co_clusters(
        CoClustering(rated, wanted, epochs, 42), folder / "model", write_parts_here
    )
    sides = (map(open_vectors, parts) for parts in (shape.users, shape.items))
    (users_, known), (items_, has) = (
        [np.concatenate(arrays) for arrays in zip(*side, strict=True)] for side in sides
    )
    assert np.flatnonzero(~known).tolist() == [3]
    assert np.flatnonzero(~has).tolist() == [5]
    return users_ @ items_.T


def expected(values: np.ndarray, clusters: tuple[int, int], epochs: int) -> np.ndarray:
    there, mean = ~np.isnan(values), np.nanmean(values)

    def first(letter: str, side: str, number: int, count: int) -> np.ndarray:
        ids = hash_ids([f"{letter}{row:03}" for row in range(number)])
        return (random_bits(ids, 1, derive_seed(42, side))[:, 0] % np.uint64(count)).astype(int)

    def mean_of(kept: np.ndarray) -> float:
        return values[kept].mean() if kept.any() else mean

    of_user = first("u", "users", N_USERS, clusters[0])
    of_item = first("i", "items", N_ITEMS, clusters[1])
    user_mean = np.array(
        [mean_of(there & (np.arange(N_USERS) == u)[:, None]) for u in range(N_USERS)]
    )
    item_mean = np.array([mean_of(there & (np.arange(N_ITEMS) == i)) for i in range(N_ITEMS)])

    def averages() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = [(of_user == c)[:, None] for c in range(clusters[0])]
        columns = [of_item == c for c in range(clusters[1])]
        return (
            np.array([[mean_of(there & r & c) for c in columns] for r in rows]),
            np.array([mean_of(there & r) for r in rows]),
            np.array([mean_of(there & c) for c in columns]),
        )

    def predicted(users: np.ndarray, items: np.ndarray, means: Any) -> np.ndarray:
        both, user, item = means
        return (
            both[users][:, items] + (user_mean - user[users])[:, None] + (item_mean - item[items])
        )

    for _ in range(epochs):
        means = averages()
        errors = [
            np.nansum((values - predicted(np.full(N_USERS, c), of_item, means)) ** 2, axis=1)
            for c in range(clusters[0])
        ]
        of_user = np.argmin(errors, axis=0)
        errors = [
            np.nansum((values - predicted(of_user, np.full(N_ITEMS, c), means)) ** 2, axis=0)
            for c in range(clusters[1])
        ]
        of_item = np.argmin(errors, axis=0)
    return predicted(of_user, of_item, averages())


@pytest.mark.parametrize(("clusters", "epochs"), [((3, 2), 1), ((2, 4), 3)])
def test_it_is_what_a_plain_program_finds(
    clusters: tuple[int, int], epochs: int, tmp_path: Path
) -> None:
    values = ratings()
    found = fitted(values, tmp_path, clusters, epochs)
    rest = np.ix_(np.arange(N_USERS) != 3, np.arange(N_ITEMS) != 5)
    np.testing.assert_allclose(found[rest], expected(values, clusters, epochs)[rest], atol=1e-5)


def test_clusters_that_are_there_are_found(tmp_path: Path) -> None:
    values = ratings()
    found = fitted(values, tmp_path, (2, 3), 10)
    assert np.sqrt(np.nanmean((found - values) ** 2)) < 0.5
    assert np.nanstd(values) > 1


def test_blocks_change_nothing(tmp_path: Path) -> None:
    values = ratings()
    whole = fitted(values, tmp_path / "whole", (3, 3), 3)
    assert np.array_equal(whole, fitted(values, tmp_path / "cut", (3, 3), 3, cuts=([64], [10, 20])))
