"""A whole fit in a single task, for data so small that a Spark job per half would cost more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from toplists.engine.shapes import Factors, commit_shape, open_shape
from toplists.engine.storage import attempt_folder
from toplists.engine.tasks import collect_tasks


def run_alone(spark: SparkSession, work: Callable[[Path], object], folder: Path) -> Path:
    """Do all the work in one task, in a folder of that attempt's own under `folder`; that folder.

    Args:
        spark: The session.
        work: A picklable function that leaves its files in the folder that it is given.
        folder: Every executor sees it.
    """
    target = str(folder)

    def alone(_: None) -> Path:
        path = attempt_folder(target, "fit")
        work(path)
        return path

    (path,) = collect_tasks(spark, [None], alone)
    return path


def fit_alone(spark: SparkSession, fit: Callable[[Path], Factors], folder: Path) -> Factors:
    """The factors that `fit` makes in one task; arguments as of `run_alone`."""
    shape = open_shape(run_alone(spark, lambda path: commit_shape(path, fit(path)), folder))
    if not isinstance(shape, Factors):
        raise RuntimeError("a task that fits factors left none")
    return shape
