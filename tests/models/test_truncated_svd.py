"""Truncated SVD against the decomposition of the whole matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.config.model_ratings import BaselineSettings
from toplists.engine.baselines import Rated
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import open_vectors
from toplists.engine.singular_vectors import Truncation, fit_singular_vectors
from toplists.models.baseline import baseline_method

N_USERS, N_ITEMS = 70, 40


def ratings() -> np.ndarray:
    """Values of rank 2 around biases, NaN where not rated; user 3 and item 5 have none."""
    rng = np.random.default_rng(1)
    values = 3 + rng.normal(size=(N_USERS, 1)) + rng.normal(size=N_ITEMS)
    values = values + rng.normal(size=(N_USERS, 2)) @ rng.normal(size=(2, N_ITEMS))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[3], values[:, 5] = np.nan, np.nan
    return values.astype(np.float32).astype(np.float64)


def fitted(values: np.ndarray, folder: Path, rank: int, passes: int = 8, **how: Any) -> np.ndarray:
    users, items = write_blocks(folder / "blocks", values, **how)
    rated = Rated(users, items, "train", float(np.nanmean(values)))
    method = baseline_method(BaselineSettings())
    shape = fit_singular_vectors(
        Truncation(rated, method, rank, passes, 42), folder / "model", write_parts_here
    )
    own, others = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    assert own.shape[1] == min(rank, N_ITEMS) + 2
    return own @ others.T


@pytest.mark.parametrize("rank", [2, 7, 100])
def test_it_is_the_decomposition_of_what_the_baseline_leaves(rank: int, tmp_path: Path) -> None:
    values = ratings()
    users, items = write_blocks(tmp_path / "expected", values)
    rated = Rated(users, items, "train", float(np.nanmean(values)))
    biases = baseline_method(BaselineSettings()).biases(rated)
    baseline = rated.mean + biases["users"][:, None] + biases["items"]
    left, strength, right = np.linalg.svd(np.nan_to_num(values - baseline))
    strength = strength[:rank]
    expected = baseline + (left[:, : len(strength)] * strength) @ right[: len(strength)]
    expected[3], expected[:, 5] = 0, 0
    assert fitted(values, tmp_path, rank) == pytest.approx(expected, abs=2e-4)


def test_few_passes_come_less_close(tmp_path: Path) -> None:
    values = ratings()
    one, many = (fitted(values, tmp_path / f"{n}", 2, n) for n in (1, 8))
    assert np.abs(one - many).max() > 1e-3


def test_blocks_change_nothing(tmp_path: Path) -> None:
    values = ratings()
    whole = fitted(values, tmp_path / "whole", 5)
    assert np.array_equal(whole, fitted(values, tmp_path / "cut", 5, cuts=([64], [10, 20])))
