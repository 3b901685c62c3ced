"""What the plans tests recognise: see `tests/pipeline/test_nightly.py` for its use on a night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plans import has_windows, windows_over_all_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("over", "unkeyed"),
    [
        ("partition by k order by id", 0),
        ("partition by k", 0),
        ("partition by k, id % 3 order by id desc", 0),
        ("order by id", 1),
        ("order by id desc, k", 1),
        ("", 1),
    ],
)
def test_windows_over_all_rows_are_recognised(
    spark: SparkSession, capsys: pytest.CaptureFixture[str], over: str, unkeyed: int
) -> None:
    rows = spark.range(5).selectExpr("id", "id % 2 AS k")
    rows.selectExpr(f"count(id) over ({over}) AS n").explain("formatted")
    plan = capsys.readouterr().out
    assert has_windows(plan)
    assert len(windows_over_all_rows(plan)) == unkeyed
