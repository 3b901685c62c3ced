"""What an evaluation fit may start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toplists.dataset.splits import holds_learnt

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "user_id string, item_id string, weight float, split string"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("ann", "old", 1.0, "holdout"), True),  # learnt then, happened again since
        (
            ("ann", "capped", 1.0, "holdout"),
            True,
        ),  # not learnt then by the cap; to be on the safe side
        (("ann", "kept", 1.0, "holdout"), False),  # held out then as well
        (("ann", "new", 1.0, "holdout"), False),
        (("ann", "old", 0.0, "holdout"), False),  # a dislike is not judged on
        (("ann", "old", 1.0, "train"), False),
        (("bob", "old", 1.0, "holdout"), False),  # of another user
    ],
)
def test_a_holdout_must_not_have_been_learnt(
    spark: SparkSession, row: tuple[str, str, float, str], expected: bool
) -> None:
    earlier = [
        ("ann", "old", 1.0, "train"),
        ("ann", "capped", 0.0, "train"),
        ("ann", "kept", 1.0, "holdout"),
    ]
    tonight = spark.createDataFrame([row], SCHEMA)
    assert holds_learnt(tonight, spark.createDataFrame(earlier, SCHEMA)) is expected
