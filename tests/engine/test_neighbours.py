"""What is nearest to an item by factors, against dense products."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.neighbours import Measure, nearest_items, nearest_users
from toplists.engine.shapes import Factors
from toplists.engine.storage import open_array, save_arrays

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 6, 5
CUTS = ([4], [2])
RNG = np.random.default_rng(1)
USERS, ITEMS = RNG.normal(size=(N_USERS, 3)), RNG.normal(size=(N_ITEMS, 3))
ITEMS[1] = 0  # without a direction
ITEMS[4] = 2 * ITEMS[0]  # the same direction
KNOWN = np.array([True, True, True, False, True])  # item 3 has no vector
SEEN = np.where(RNG.random((N_USERS, N_ITEMS)) < 0.3, 1.0, np.nan)


@pytest.fixture
def model(tmp_path: Path) -> Factors:
    sides = []
    for name, vectors, known, cuts in (
        ("users", USERS, np.ones(N_USERS, dtype=np.bool_), CUTS[0]),
        ("items", ITEMS, KNOWN, CUTS[1]),
    ):
        parts = []
        for number, (own, flags) in enumerate(
            zip(np.split(vectors, cuts), np.split(known, cuts), strict=True)
        ):
            path = tmp_path / f"{name}-{number}"
            path.mkdir()
            save_arrays(path, {"vectors": own.astype(np.float32), "known": flags})
            parts.append(str(path))
        sides.append(tuple(parts))
    return Factors(*sides)


@pytest.mark.parametrize("measure", ["cosine", "dot"])
def test_items_near_an_item(
    spark: SparkSession, tmp_path: Path, model: Factors, measure: Measure
) -> None:
    _, items = write_blocks(tmp_path / "blocks", SEEN, cuts=CUTS)
    found = nearest_items(
        spark, items, model, k=2, measure=measure, tile_bytes=1, folder=tmp_path / "near"
    )
    vectors, without_direction = ITEMS, measure == "cosine"
    if without_direction:
        with np.errstate(invalid="ignore"):
            vectors = ITEMS / np.linalg.norm(ITEMS, axis=1)[:, np.newaxis]
    for ref, part in zip(items.blocks, found.items, strict=True):
        indptr, neighbours, weights = (
            open_array(part, name) for name in ("indptr", "neighbours", "weights")
        )
        for row in range(ref.rows):
            item = ref.first + row
            scores = vectors @ vectors[item]
            others = [
                other
                for other in np.flatnonzero(KNOWN & KNOWN[item] & ~np.isnan(scores))
                if other != item
            ]
            best = sorted(others, key=lambda other, scores=scores: (-scores[other], other))[:2]
            own = slice(indptr[row], indptr[row + 1])
            assert neighbours[own].tolist() == best, item
            assert weights[own] == pytest.approx(scores[best], abs=1e-5)


def test_users_who_may_like_an_item(tmp_path: Path, model: Factors) -> None:
    _, items = write_blocks(tmp_path / "blocks", SEEN, cuts=CUTS)
    reachable = np.arange(N_USERS) != 2
    for ref in items.blocks:
        for rows, selection in nearest_users(
            ref.open(), model, part="all", k=3, reachable=reachable, tile_bytes=1
        ):
            for row, users in zip(rows, selection.items, strict=True):
                item = ref.first + row
                free = [
                    user
                    for user in np.flatnonzero(reachable & np.isnan(SEEN[:, item]))
                    if KNOWN[item]
                ]
                scores = USERS @ ITEMS[item]
                best = sorted(free, key=lambda user, scores=scores: (-scores[user], user))[:3]
                assert users.tolist() == best + [-1] * (3 - len(best)), item
