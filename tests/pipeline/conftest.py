"""A world to run whole nights on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from worlds import World

from toplists.lake.dataset import Dataset

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path) -> World:
    """An empty dataset."""
    return World(Dataset(tmp_path / "lake" / "world"), spark, tmp_path)
