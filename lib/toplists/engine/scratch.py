"""Space of a node's own, for copies that any task of the node may map."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def scratch() -> Path:
    """In a task, a folder that goes with the application; elsewhere one that goes with the process."""
    folders = os.environ.get("SPARK_LOCAL_DIRS")
    if folders is not None:
        # Here: who only removes files does without Spark.
        from pyspark import TaskContext

        if TaskContext.get() is not None:
            return Path(folders.split(",")[0])
    return Path(_of_this_process().name)


@cache
def _of_this_process() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="toplists-")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel frees when its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
