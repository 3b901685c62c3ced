"""The Spark settings to start from: what spark-submit.sh can start with, once they are copied."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SPARK = Path(__file__).resolve().parents[2] / "conf/spark"
EXAMPLES = sorted(SPARK.glob("*.conf.example"))


def test_there_is_one_for_each_kind_of_cluster() -> None:
    assert [file.name.partition(".")[0] for file in EXAMPLES] == [
        "kubernetes",
        "standalone",
        "yarn",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name)
def test_every_line_is_a_setting_given_once(example: Path) -> None:
    lines = [line for line in example.read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not re.fullmatch(r"spark\.\S+ +\S.*", line)] == []
    keys = [line.split()[0] for line in lines]
    assert len(set(keys)) == len(keys)
    # What every session needs, wherever it runs.
    assert {"spark.master", "spark.checkpoint.dir", "spark.hadoop.parquet.block.size"} <= set(keys)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name)
def test_it_makes_an_environment_whose_executors_are_sent_the_jars(
    checkout: Path, example: Path
) -> None:
    shutil.copy(example, checkout / "conf/spark/production.conf")
    result = subprocess.run(
        [checkout / "spark-submit.sh", "nightly", "--env", "production", "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "conf/spark/production.conf" in result.stdout
    assert " --jars " in result.stdout
