"""Executors that do not see the lake are found out before they work on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from toplists.errors import ConfigurationError
from toplists.pipeline import shared_folder
from toplists.pipeline.shared_folder import require_shared_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_a_folder_that_all_see_is_left_as_it_was(spark: SparkSession, tmp_path: Path) -> None:
    require_shared_folder(spark, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_a_folder_of_its_own_is_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(place: Path):
        def answer(number: int) -> Iterator[pa.RecordBatch]:
            yield pa.RecordBatch.from_arrays(
                [pa.array([number], pa.int32()), pa.array(["far-away"])], names=["number", "host"]
            )

        return answer

    monkeypatch.setattr(shared_folder, "_answers", elsewhere)
    with pytest.raises(ConfigurationError, match=r"on far-away is not the folder .* lake\.root"):
        require_shared_folder(spark, tmp_path)
    assert list(tmp_path.iterdir()) == []
