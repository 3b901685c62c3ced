"""Slope One against its formula, pair by pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance import select
from snapshots import write_blocks

from toplists.config.model_ratings import SlopeOneSettings
from toplists.engine.baselines import Rated
from toplists.engine.exchange import write_parts_here
from toplists.models.slope_one import fit_differences


def ratings() -> np.ndarray:
    """Whole stars, NaN where not rated; user 3 and item 5 have none, item 6 has one."""
    rng = np.random.default_rng(1)
    values = rng.integers(1, 6, (20, 9)).astype(float)
    values[rng.random(values.shape) > 0.4] = np.nan
    values[3], values[:, 5], values[1:, 6] = np.nan, np.nan, np.nan
    values[0, 6] = 4.0
    return values


def predictions(values: np.ndarray, folder: Path, cuts: Any = ((), ()), **given: Any) -> np.ndarray:
    users, items = write_blocks(folder / "blocks", values, cuts=cuts)
    rated = Rated(users, items, "train", float(np.nanmean(values)))
    shape = fit_differences(rated, SlopeOneSettings(**given), folder / "model", write_parts_here)
    found = select(shape, users, items, 1, seen=False).target_scores
    return found.reshape(values.shape)


def expected(values: np.ndarray, neighbours: int | None = None, min_common: int = 1) -> np.ndarray:
    there = ~np.isnan(values)
    found = np.full(values.shape, np.nan)
    for item in np.flatnonzero(there.any(axis=0)):
        common = there.T.astype(int) @ there[:, item]
        common[item] = 0
        near = sorted(np.flatnonzero(common >= min_common), key=lambda j: (-common[j], j))
        above = {
            j: np.nanmean(values[:, item] - values[:, j]) for j in near[: neighbours or len(near)]
        }
        for user in np.flatnonzero(there.any(axis=1)):
            own = [above[j] for j in np.flatnonzero(there[user]) if j in above]
            found[user, item] = np.nanmean(values[user]) + (np.mean(own) if own else 0)
    return found


@pytest.mark.parametrize("given", [{}, {"neighbours": 2}, {"min_common": 4}])
def test_it_is_the_formula(given: dict[str, int], tmp_path: Path) -> None:
    values = ratings()
    settings = {"neighbours": None, **given}
    found = predictions(values, tmp_path, **settings)
    np.testing.assert_allclose(found, expected(values, **given), atol=1e-5)
    if given:
        assert not np.allclose(found, expected(values), equal_nan=True)


def test_blocks_change_nothing(tmp_path: Path) -> None:
    whole, cut = (
        predictions(ratings(), tmp_path / name, cuts)
        for name, cuts in (("whole", ((), ())), ("cut", ([11], [2, 4])))
    )
    assert np.array_equal(whole, cut, equal_nan=True)


def test_the_example_of_the_paper(tmp_path: Path) -> None:
    """User A gave 1 and 1.5 to items I and J; user B gave 2 to I, and is expected to give 2.5 to J."""
    found = predictions(np.array([[1.0, 1.5], [2.0, np.nan]]), tmp_path)
    assert found[1, 1] == pytest.approx(2.5)
