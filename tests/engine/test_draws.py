"""Random numbers by external id."""

from __future__ import annotations

import numpy as np

from toplists.engine.kernels.draws import hash_ids, random_normals

IDS = [f"item {n}" for n in range(4000)]


def test_they_are_normal() -> None:
    draws = random_normals(hash_ids(IDS), 7, seed=1)
    assert draws.shape == (4000, 7)
    assert abs(draws.mean()) < 0.02
    assert abs(draws.std() - 1) < 0.02
    assert np.abs(np.corrcoef(draws.T) - np.eye(7)).max() < 0.08
    assert (np.abs(draws) > 3).mean() < 0.006


def test_they_belong_to_the_id_and_the_seed() -> None:
    hashes = hash_ids(IDS)
    draws = random_normals(hashes, 5, seed=1)
    assert np.array_equal(random_normals(hashes[::-1], 5, seed=1), draws[::-1])
    assert not np.isin(random_normals(hashes, 5, seed=2), draws).any()
