"""Whether a holdout has been learnt from before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.dataset.held_out import holds_learnt
from toplists.dataset.snapshot import SnapshotBlocks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Row = tuple[str, str, float, str]


def blocks_of(folder: Path, rows: list[Row], cuts: int = 1) -> SnapshotBlocks:
    """A snapshot of `(user, item, weight, split)`, in about so many blocks a side."""
    users, items = (sorted({row[column] for row in rows}) for column in (0, 1))
    weights = np.full((len(users), len(items)), np.nan)
    holdout = np.zeros(weights.shape, dtype=np.bool_)
    for user, item, weight, split in rows:
        at = users.index(user), items.index(item)
        weights[at], holdout[at] = weight, split == "holdout"
    bounds = tuple(
        sorted({len(side) * cut // cuts for cut in range(1, cuts)} - {0}) for side in (users, items)
    )
    return SnapshotBlocks(
        *write_blocks(
            folder, weights, holdout=holdout, cuts=(bounds[0], bounds[1]), ids=(users, items)
        )
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("ann", "old", 1.0, "holdout"), True),  # learnt then, happened again since
        # Not learnt then by the cap; to be on the safe side.
        (("ann", "capped", 1.0, "holdout"), True),
        (("ann", "kept", 1.0, "holdout"), False),  # held out then as well
        (("ann", "new", 1.0, "holdout"), False),
        (("ann", "old", 0.0, "holdout"), False),  # a dislike is not judged on
        (("ann", "old", 1.0, "train"), False),
        (("bob", "old", 1.0, "holdout"), False),  # of another user
    ],
)
def test_a_holdout_must_not_have_been_learnt(
    spark: SparkSession, tmp_path: Path, row: Row, expected: bool
) -> None:
    earlier = [
        ("ann", "old", 1.0, "train"),
        ("ann", "capped", 0.0, "train"),
        ("ann", "kept", 1.0, "holdout"),
    ]
    before = blocks_of(tmp_path / "earlier", earlier)
    assert holds_learnt(spark, blocks_of(tmp_path / "now", [row]), before) is expected


def test_pairs_are_found_however_ids_moved_and_blocks_are_cut(
    spark: SparkSession, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    answers = set()
    for case in range(12):
        now, before = (
            [
                (f"u{user}", f"i{item}", 1.0, "holdout" if rng.random() < 0.2 else "train")
                for user, item in {tuple(pair) for pair in rng.integers(0, 12, (18, 2)).tolist()}
            ]
            for _ in range(2)
        )
        learnt = {row[:2] for row in before if row[3] == "train"}
        expected = any(row[:2] in learnt for row in now if row[3] == "holdout")
        answers.add(expected)
        snapshots = (
            blocks_of(tmp_path / f"{case}-{name}", rows, cuts)
            for name, rows, cuts in (("now", now, 3), ("before", before, 4))
        )
        assert holds_learnt(spark, *snapshots) is expected
    assert answers == {True, False}
