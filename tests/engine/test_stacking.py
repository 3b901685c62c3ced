"""Weighted sums of factors: what is held out for the weights, the weights, and the factors of the sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitted import NO_SPARK, without_spark
from snapshots import write_blocks

from toplists.engine.blocks import BlockSet
from toplists.engine.exchange import write_parts_here
from toplists.engine.inner_holdout import hold_out
from toplists.engine.kernels.ordered_sums import Subtree, add_up
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.stacking import Stacking

N_USERS, N_ITEMS = 70, 66
CUTS = ([64], [64])  # multiples of CHUNK_ROWS
MEAN = 3.0


def ratings() -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(MEAN, 1, (N_USERS, N_ITEMS))
    return np.where(rng.random(values.shape) < 0.5, values, np.nan)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    without_spark(monkeypatch)


def withheld(values: np.ndarray, folder: Path, **how: object) -> tuple[BlockSet, BlockSet]:
    """The blocks of users and items that the weights and the members are fitted to."""
    sides = write_blocks(folder, values, **how)
    split = hold_out(NO_SPARK, sides, "train", 0.2, 7, folder / "inner", "rated")
    return split.users, split.items


def pairs(blocks: BlockSet, *, held_out: bool) -> set[tuple[int, int]]:
    """The (row, column) with a value that are held out of blocks, or left to learn from."""
    found = set()
    for ref in blocks.blocks:
        block = ref.open()
        rows = ref.first + np.repeat(np.arange(ref.rows), np.diff(block.indptr))
        kept = ~np.isnan(block.values) & (block.holdout == held_out)
        found |= set(zip(rows[kept].tolist(), block.indices[kept].tolist(), strict=True))
    return found


def test_the_same_pairs_are_held_out_of_both_sides(tmp_path: Path) -> None:
    values = ratings()
    hidden = np.random.default_rng(4).random(values.shape) < 0.3
    users, items = withheld(values, tmp_path / "whole", holdout=hidden)
    drawn, left = pairs(users, held_out=True), pairs(users, held_out=False)
    assert {(user, item) for item, user in pairs(items, held_out=True)} == drawn
    assert {(user, item) for item, user in pairs(items, held_out=False)} == left
    # What the split holds out is in neither.
    own = set(
        zip(*(axis.tolist() for axis in np.nonzero(~np.isnan(values) & ~hidden)), strict=True)
    )
    assert drawn | left == own
    assert len(drawn) / len(own) == pytest.approx(0.2, abs=0.05)
    cut, _ = withheld(values, tmp_path / "cut", holdout=hidden, cuts=CUTS)
    assert pairs(cut, held_out=True) == drawn


def factors(folder: Path, name: str, seed: int, blocks: dict[str, BlockSet]) -> Factors:
    """Random vectors of length 2 and a constant of 3; the first user and the last item have none."""
    rng = np.random.default_rng(seed)
    parts = []
    for side, rows in (("users", N_USERS), ("items", N_ITEMS)):
        vectors = rng.normal(0, 1, (rows, 3)).astype(np.float32)
        vectors[:, 2] = np.sqrt(MEAN)
        known = np.ones(rows, dtype=np.bool_)
        known[0 if side == "users" else -1] = False
        vectors[~known] = 0
        refs = blocks[side].blocks
        own = [slice(ref.first, ref.first + ref.rows) for ref in refs]
        parts.append(
            write_parts_here(
                own,
                lambda rows, vectors=vectors, known=known: {
                    "vectors": vectors[rows],
                    "known": known[rows],
                },
                folder,
                f"{name}-{side}",
            )
        )
    return Factors(*parts)


def scores(shape: Factors) -> np.ndarray:
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users @ items.T


def test_sums_are_those_over_what_is_held_out_and_known(tmp_path: Path) -> None:
    values = ratings()
    sums, counts = [], []
    for name, cuts in (("whole", ((), ())), ("cut", CUTS)):
        folder = tmp_path / name
        users, items = withheld(values, folder, cuts=cuts)
        blocks = {"users": users, "items": items}
        members = tuple(factors(folder, f"m{seed}", seed, blocks) for seed in (1, 2))
        parts = [Stacking(members, MEAN).sum_block(users.columns, ref) for ref in users.blocks]
        subtrees = [
            Subtree(int(level), int(place), total)
            for part in parts
            for (level, place), total in zip(part["places"], part["totals"], strict=True)
        ]
        sums.append(add_up(subtrees).reshape(3, 3))
        counts.append(sum(int(part["counted"][0]) for part in parts))
    assert np.array_equal(*sums)
    drawn = [
        (user, item)
        for user, item in pairs(users, held_out=True)
        if user != 0 and item != N_ITEMS - 1
    ]
    assert counts == [len(drawn)] * 2
    own = tuple(np.array(drawn).T)
    table = np.column_stack([*(scores(member)[own] for member in members), values[own]]) - MEAN
    assert sums[0] == pytest.approx(table.T @ table, rel=1e-5)


def test_a_block_of_which_nothing_is_held_out_adds_nothing(tmp_path: Path) -> None:
    users, items = write_blocks(tmp_path, ratings())
    member = factors(tmp_path, "m", 1, {"users": users, "items": items})
    (ref,) = users.blocks
    sums = Stacking((member, member), MEAN).sum_block(users.columns, ref)
    assert not sums["totals"].any()
    assert sums["counted"].tolist() == [0]
