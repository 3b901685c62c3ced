"""The memory of a command on this machine: its JVM, and all that runs below it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

_EVERY = 0.2
_PROCESSES = Path("/proc")


class Peak:
    """The most that was resident at one time: `bytes`, `None` where nobody can tell.

    Files that are mapped count once per process. Executors on other machines do not count.
    """

    bytes: int | None = None


@contextmanager
def watched() -> Iterator[Peak]:
    """Watch the process that began this one, and all below it, for the length of the block."""
    peak, done = Peak(), Event()

    def watch() -> None:
        while True:
            peak.bytes = max(peak.bytes or 0, _resident_below(os.getppid()))
            if done.wait(_EVERY):
                return

    watcher = Thread(target=watch, daemon=True)
    if _PROCESSES.joinpath("self/stat").exists():
        watcher.start()
    try:
        yield peak
    finally:
        done.set()
        if watcher.ident is not None:
            watcher.join()


def _resident_below(root: int) -> int:
    page = os.sysconf("SC_PAGE_SIZE")
    children: defaultdict[int, list[int]] = defaultdict(list)
    resident: dict[int, int] = {}
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            # The name in parentheses may hold anything.
            state = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        children[int(state[1])].append(int(folder.name))
        resident[int(folder.name)] = int(state[21]) * page
    waiting, total = [root], 0
    while waiting:
        process = waiting.pop()
        total += resident.get(process, 0)
        waiting += children[process]
    return total
