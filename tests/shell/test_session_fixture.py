"""The session that tests share is the nightly's, made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_the_session_has_the_settings_of_a_local_nightly(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.shuffle.partitions") == "2"
    assert spark.conf.get("spark.databricks.delta.snapshotPartitions") == "1"
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_delta_tables_can_be_written_and_read(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    spark.range(5).write.format("delta").save(path)
    assert spark.read.format("delta").load(path).count() == 5


def test_a_frame_can_be_checkpointed(spark: SparkSession) -> None:
    assert spark.range(3).checkpoint().select(F.sum("id")).first() == (3,)


def test_workers_can_import_the_library(spark: SparkSession) -> None:
    def exit_code(number: int) -> int:
        from toplists.errors import GateRefusedError

        return GateRefusedError.exit_code + number

    assert spark.sparkContext.parallelize([0], 1).map(exit_code).collect() == [3]
