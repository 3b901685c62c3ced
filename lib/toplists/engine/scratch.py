"""Space of a node's own, for copies that any task of the node may map."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from typing import IO

from toplists.lake.failpoints import written

_PREFIX, _LOCK = "toplists-scratch-", "lock"


def scratch() -> Path:
    """In a task, a folder that goes with the application; elsewhere one that goes with the process."""
    folders = os.environ.get("SPARK_LOCAL_DIRS")
    if folders is not None:
        # Here: who only removes files does without Spark.
        from pyspark import TaskContext

        if TaskContext.get() is not None:
            return Path(folders.split(",")[0])
    return Path(_of_this_process()[0].name)


@cache
def _of_this_process() -> tuple[TemporaryDirectory[str], IO[str]]:
    """A folder that is removed when the process ends, and the lock on it.

    Where the process is killed, the next one that needs such a folder finds the lock free.
    """
    with written("scratch space of a process"):
        for lock in Path(gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
            with suppress(OSError), lock.open() as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rmtree(lock.parent, ignore_errors=True)
        folder = TemporaryDirectory(prefix=_PREFIX)
        draft = Path(folder.name, f".{_LOCK}")
        mine = draft.open("w")
        fcntl.flock(mine, fcntl.LOCK_EX)
        draft.rename(draft.with_name(_LOCK))
        return folder, mine


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock that the kernel frees when its holder dies; whether it is held, if not waited for."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
