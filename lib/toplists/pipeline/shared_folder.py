"""Whether executors see a folder as the driver does, before they are given work that relies on it.

A folder of each machine's own is missing nowhere: everybody writes, and nobody finds what others wrote.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.engine.tasks import run_tasks
from toplists.errors import ConfigurationError
from toplists.lake.failpoints import written

_ASKED_PER_CORE = 2  # so that every executor is, most likely


def require_shared_folder(spark: SparkSession, folder: Path) -> None:
    """See that tasks find what the driver wrote in `folder`, and the driver what they wrote.

    Raises:
        ConfigurationError: they do not.
    """
    asked = range(_ASKED_PER_CORE * spark.sparkContext.defaultParallelism)
    place = folder / f"shared-{uuid4().hex[:16]}"
    with written("question whether the folder is shared"):
        place.mkdir(parents=True)
        try:
            answers = run_tasks(spark, asked, _answers(place), "number int, host string").collect()
            apart = {host for number, host in answers if not (place / str(number)).exists()}
        finally:
            rmtree(place)
    if apart:
        raise ConfigurationError(
            f"{folder} on {', '.join(sorted(apart))} is not the folder that the driver sees. Set lake.root "
            "to a mount that all machines have under the same path."
        )


def _answers(place: Path) -> Callable[[int], Iterator[pa.RecordBatch]]:
    def answer(number: int) -> Iterator[pa.RecordBatch]:
        if place.is_dir():
            (place / str(number)).touch()
        yield pa.RecordBatch.from_arrays(
            [pa.array([number], pa.int32()), pa.array([socket.gethostname()])],
            names=["number", "host"],
        )

    return answer
