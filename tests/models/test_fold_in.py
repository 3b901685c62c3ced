"""Vectors from frozen factors: half an iteration, for those whom the fit did not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.alternation import Alternation, alternate_by
from toplists.engine.blocks import BlockSet, Part
from toplists.engine.exchange import write_parts_here
from toplists.engine.fold_in import FoldIn, fold_in_by, fold_side
from toplists.engine.objective import Objective
from toplists.engine.shapes import Factors, open_vectors
from toplists.models.als import Confidence, Explicit, Implicit, Penalty

N_USERS, N_ITEMS = 150, 140
CUTS = ([64], [64, 128])
FEEDBACK = pytest.mark.parametrize("feedback", ["implicit", "explicit"])


def ratings() -> np.ndarray:
    """Values from 1 to 5 of two tastes; NaN = no interaction."""
    rng = np.random.default_rng(0)
    same = np.equal.outer(np.arange(N_USERS) % 2, np.arange(N_ITEMS) % 2)
    rated = rng.random((N_USERS, N_ITEMS)) < 0.2
    return np.where(rated, np.where(same, 4.0, 2.0) + rng.integers(-1, 2, rated.shape), np.nan)


def blocks_of(folder: Path, values: np.ndarray, **how: Any) -> tuple[BlockSet, BlockSet]:
    """Blocks in which values from 4 on are liked."""
    weights = np.where(np.isnan(values), np.nan, (values >= 4).astype(float))
    return write_blocks(folder, weights, values=values, **how)


def objective_of(feedback: str, part: Part = "all") -> Objective:
    penalty = Penalty(0.1, "by_count", 1.0, 1.0)
    if feedback == "explicit":
        return Explicit(4, 3.0, penalty, 42, part)
    return Implicit(4, Confidence(5.0, "linear"), 1.0, penalty, 42, part)


def fitted(
    blocks: tuple[BlockSet, BlockSet], objective: Objective, iterations: int, folder: Path
) -> Factors:
    users, items = blocks
    plan = Alternation({"users": users, "items": items}, objective, "exact", iterations)
    return alternate_by(plan, folder, write_parts_here).factors


def stacked(parts: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([open_vectors(part)[0] for part in parts])


def known(parts: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([open_vectors(part)[1] for part in parts])


@FEEDBACK
def test_it_is_half_an_iteration_bit_for_bit(tmp_path: Path, feedback: str) -> None:
    users, items = blocks_of(tmp_path / "blocks", ratings(), cuts=CUTS)
    objective = objective_of(feedback)
    fit = fitted((users, items), objective, 3, tmp_path / "fit")
    folded = fold_side(
        objective,
        "users",
        {"users": users, "items": items},
        fit.items,
        tmp_path / "folded",
        write_parts_here,
    )
    assert np.array_equal(stacked(folded), stacked(fit.users))
    assert sorted(path.name[:5] for path in (tmp_path / "folded").iterdir()) == ["users"] * 2


@FEEDBACK
def test_newest_events_count_without_a_fit(tmp_path: Path, feedback: str) -> None:
    # Users from 140 on came after the fit, and so did everything with items from 135 on.
    values = ratings()
    late = np.zeros(values.shape, dtype=np.bool_)
    late[140:], late[:, 135:] = True, True
    blocks = blocks_of(tmp_path / "blocks", values, holdout=late, cuts=CUTS)
    earlier = fitted(blocks, objective_of(feedback, "train"), 3, tmp_path / "fit")
    assert not known(earlier.users)[140:].any()
    assert not known(earlier.items)[135:].any()

    users, items = blocks
    fold = FoldIn({"users": users, "items": items}, objective_of(feedback), earlier)
    folded = fold_in_by(fold, tmp_path / "folded", write_parts_here)
    assert known(folded.users).all()
    assert known(folded.items).all()
    assert np.array_equal(stacked(folded.items)[:135], stacked(earlier.items)[:135])
    # They find their taste: users of even position like even items.
    new = stacked(folded.users)[140:] @ stacked(folded.items).T
    same = np.equal.outer(np.arange(140, 150) % 2, np.arange(N_ITEMS) % 2)
    assert new[same].mean() > new[~same].mean() + 0.3


@FEEDBACK
def test_what_has_no_vector_says_nothing(tmp_path: Path, feedback: str) -> None:
    values = ratings()
    late = np.zeros(values.shape, dtype=np.bool_)
    late[:, 135:] = True
    blocks = blocks_of(tmp_path / "with", values, holdout=late, cuts=CUTS)
    objective = objective_of(feedback)
    fit = fitted(blocks, objective_of(feedback, "train"), 2, tmp_path / "fit")
    without = blocks_of(tmp_path / "without", np.where(late, np.nan, values), cuts=CUTS)
    one, other = (
        stacked(
            fold_side(
                objective,
                "users",
                {"users": users, "items": items},
                fit.items,
                tmp_path / f"folded-{number}",
                write_parts_here,
            )
        )
        for number, (users, items) in enumerate((blocks, without))
    )
    assert np.array_equal(one, other)


def test_blocks_change_nothing(tmp_path: Path) -> None:
    folded = []
    for name, cuts in (("whole", ((), ())), ("cut", CUTS)):
        blocks = blocks_of(tmp_path / name, ratings(), cuts=cuts)
        objective = objective_of("implicit")
        fit = fitted(blocks, objective, 2, tmp_path / f"{name}-fit")
        fold = FoldIn(dict(zip(("users", "items"), blocks, strict=True)), objective, fit)
        folded.append(
            stacked(fold_in_by(fold, tmp_path / f"{name}-folded", write_parts_here).users)
        )
    assert np.array_equal(*folded)
