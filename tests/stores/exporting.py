"""`export` in a process of its own, which does its tasks itself and may die at any write.

Processes are forked from one that has imported everything, so that each costs as much as its export.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from shops import TasksHere

from toplists.lake import failpoints
from toplists.pipeline import command
from toplists.publish.stores import load
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore

ROOT = Path(__file__).resolve().parents[2]
LISTS_PER_PART = 20
_SECONDS = 60

Moment = tuple[str, int]
"""A moment's name, and which time it is come to."""


def run_export(arguments: Sequence[str], folder: Path, moment: Moment | None = None) -> int:
    """Run the command, and let it die at a moment; its exit code, which is negative if it was killed.

    What it says is added to `folder/said`, and the moments that it comes to are in `folder/moments`.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # of whom processes are forked from
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stores.exporting", "pytest"])
    process = context.Process(target=_export, args=(arguments, folder, moment))
    process.start()
    process.join(_SECONDS)
    code = process.exitcode
    assert code is not None, (folder / "said").read_text()
    return code


def died(code: int) -> bool:
    """Whether a command was killed."""
    return code == -signal.SIGKILL


def moments_of(folder: Path) -> list[Moment]:
    """The moments that the last command came to, in turn."""
    times: Counter[str] = Counter()
    moments = []
    for name in (folder / "moments").read_text().splitlines():
        times[name] += 1
        moments.append((name, times[name]))
    return moments


def _export(arguments: Sequence[str], folder: Path, moment: Moment | None) -> None:
    with (folder / "said").open("ab") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    failpoints.reach = _noting(folder / "moments", moment)
    load.run_tasks = TasksHere  # type: ignore[assignment] # does as much of it as is needed
    command.open_session = lambda _: SimpleNamespace(  # type: ignore[assignment]
        sparkContext=SimpleNamespace(master="local")
    )
    for kind in (PostgresStore, RedisStore, FilesStore):
        kind.rows_per_part = LISTS_PER_PART
    sys.argv = ["export", *arguments]
    runpy.run_path(str(ROOT / "jobs/export.py"), run_name="__main__")


def _noting(notes: Path, moment: Moment | None) -> Callable[[str], None]:
    times: Counter[str] = Counter()
    notes.write_text("")

    def reach(name: str) -> None:
        times[name] += 1
        with notes.open("a") as lines:
            lines.write(f"{name}\n")
        if moment == (name, times[name]):
            failpoints.die()

    return reach
