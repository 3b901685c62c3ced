"""How much memory there is, and how much of it is left, for this process."""

from __future__ import annotations

import os
from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")
# Of both versions of Linux's control groups: the limit, what is used, and where it says of what.
_GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def usable_memory(container: Path = _CONTAINER) -> int:
    """Bytes that this process may use at all: the machine's, or less where a container says so."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [_number(container / limit) for limit, *_ in _GROUPS]
    return min([machine, *(limit for limit in limits if limit is not None)])


def free_memory(machine: Path = _MACHINE, container: Path = _CONTAINER) -> int | None:
    """Bytes that can be had without swapping; `None` where nobody can tell."""
    if not machine.exists():
        return None
    figures = dict(line.split(":") for line in machine.read_text().splitlines())
    free = [int(figures["MemAvailable"].split()[0]) << 10]
    for limit_file, usage_file, details_file, cached in _GROUPS:
        limit, usage = _number(container / limit_file), _number(container / usage_file)
        if limit is not None and usage is not None:
            details = dict(map(str.split, (container / details_file).read_text().splitlines()))
            # What is kept of files is given back when it is asked for.
            free.append(limit - usage + int(details.get(cached, 0)))
    return max(0, min(free))


def _number(file: Path) -> int | None:
    """What a file says, where it is there and says a number: without a limit it has a word."""
    text = file.read_text().strip() if file.is_file() else ""
    return int(text) if text.isdecimal() else None
