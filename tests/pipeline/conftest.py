"""Worlds to run whole nights on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plans import executed_plans
from worlds import World, two_tastes

from toplists.lake.dataset import Dataset

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path) -> World:
    """An empty dataset."""
    return World(Dataset(tmp_path / "läke of ours" / "world"), spark, tmp_path)


@pytest.fixture(scope="session")
def first_night(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset after one night on `two_tastes`; not to be changed."""
    folder = tmp_path_factory.mktemp("first-night")
    world = World(Dataset(folder / "lake" / "world"), spark, folder)
    # Zoe liked nothing, so that nothing personal can be said to her.
    world.printed = world.night(world.feed([*two_tastes(), "zoe,i00,1,2024-01-01T00:00:00"]))
    world.plans = executed_plans(spark)  # Spark forgets them
    return world


@pytest.fixture
def second_day(first_night: World, tmp_path: Path) -> World:
    """A copy of the dataset after the first night, to go on with."""
    shutil.copytree(first_night.dataset.root, tmp_path / "läke of ours" / "world")
    shutil.copy(first_night.folder / "feed.csv", tmp_path / "feed.csv")
    return World(Dataset(tmp_path / "läke of ours" / "world"), first_night.spark, tmp_path)
