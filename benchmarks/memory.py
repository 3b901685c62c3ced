"""The memory of what a benchmark starts."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

_EVERY = 0.2
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most that was resident at one time: `bytes`. Mapped files count once per process."""

    bytes = 0


@contextmanager
def watched() -> Iterator[Peak]:
    """Watch all processes below this one."""
    peak, done = Peak(), Event()

    def watch() -> None:
        while not done.wait(_EVERY):
            peak.bytes = max(peak.bytes, _resident_below(os.getpid()))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _resident_below(root: int) -> int:
    children: dict[int, list[int]] = defaultdict(list)
    resident: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold anything.
            state = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        children[int(state[1])].append(int(folder.name))
        resident[int(folder.name)] = int(state[21]) * _PAGE
    found, total = [root], 0
    while found:
        below = children[found.pop()]
        total += sum(resident[one] for one in below)
        found += below
    return total
