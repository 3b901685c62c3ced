"""A whole fit in a single task, for data so small that a Spark job per half would cost more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pyspark.sql import SparkSession

from toplists.engine.exchange import WriteParts, write_parts_by
from toplists.engine.shapes import Factors, commit_shape, open_shape
from toplists.engine.storage import attempt_folder
from toplists.engine.tasks import Collect, in_one_task

Work: TypeAlias = Callable[[Path, WriteParts], object]
"""What leaves its files in a folder, by writing parts."""


def run_alone(spark: SparkSession, work: Work, folder: Path) -> Path:
    """Do all the work in one task, in a folder of that attempt's own under `folder`; that folder.

    Args:
        spark: The session.
        work: A picklable function.
        folder: Every executor sees it.
    """
    target = str(folder)

    def alone(collect: Collect) -> Path:
        path = attempt_folder(target, "fit")
        work(path, partial(write_parts_by, collect))
        return path

    return in_one_task(spark, alone)


def fit_alone(
    spark: SparkSession, fit: Callable[[Path, WriteParts], Factors], folder: Path
) -> Factors:
    """The factors that `fit` makes in one task; arguments as of `run_alone`."""

    def work(path: Path, write: WriteParts) -> None:
        commit_shape(path, fit(path, write))

    shape = open_shape(run_alone(spark, work, folder))
    if not isinstance(shape, Factors):
        raise RuntimeError("a task that fits factors left none")
    return shape
