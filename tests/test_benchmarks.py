"""The measures that benchmarks judge contenders by, against dense arithmetic."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse as sp
from operators import ROOT

RATED = np.array([[5, 0, 3, 0], [0, 2, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
HELD_OUT = np.array([[0, 4, 0, 0], [0, 0, 0, 5], [0, 0, 0, 0]], dtype=np.float32)


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    sys.path.append(str(ROOT / "benchmarks"))
    try:
        return import_module("als_quality")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("by_count", [False, True])
def test_the_objective_is_that_of_all_cells(quality: ModuleType, by_count: bool) -> None:
    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(n, 2)).astype(np.float32) for n in RATED.shape)
    task = quality.Task("implicit", 2, 0.5, by_count, alpha=3.0)
    liked = RATED > 0
    loss = np.where(liked, 4.0, 1.0) * (liked - users @ items.T) ** 2
    penalty = 0.0
    for vectors, counts in ((users, liked.sum(axis=1)), (items, liked.sum(axis=0))):
        lengths = (vectors**2).sum(axis=1)
        penalty += 0.5 * (lengths * (counts if by_count else 1)).sum()
    found = quality.objective(task, sp.csr_array(RATED), users, items)
    assert found == pytest.approx(loss.sum() + penalty, rel=1e-6)


def test_the_error_is_that_of_the_held_out(quality: ModuleType) -> None:
    users = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
    items = np.array([[0, 0], [3, 0], [0, 0], [0, 5]], dtype=np.float32)
    # Predicted 3 and 5 instead of 4 and 5.
    error = quality.root_mean_square_error(sp.csr_array(HELD_OUT), users, items)
    assert error == pytest.approx(np.sqrt(0.5))


def test_lists_leave_out_what_was_seen(quality: ModuleType) -> None:
    some = 12  # items, so that there are more than a list has
    train = sp.csr_array(np.pad(RATED, ((0, 0), (0, some - 4))))
    held_out = sp.csr_array(np.pad(HELD_OUT, ((0, 0), (0, some - 4))))
    users = np.array([[1], [1], [1]], dtype=np.float32)
    items = np.linspace(1, 0, some, dtype=np.float32)[:, np.newaxis]
    # Of user 0, items 0 and 2 are seen and the held-out 1 comes first; of user 1, item 1 is seen and
    # the held-out 3 comes third; user 2 has nothing held out.
    assert quality.ndcg(train, held_out, users, items) == pytest.approx((1 + 1 / np.log2(4)) / 2)
