"""How much memory this machine has left."""

from __future__ import annotations

from pathlib import Path

_FIGURES = Path("/proc/meminfo")


def free_memory() -> int | None:
    """Bytes that can be had without swapping; `None` where nobody can tell."""
    if not _FIGURES.exists():
        return None
    figures = dict(line.split(":") for line in _FIGURES.read_text().splitlines())
    return int(figures["MemAvailable"].split()[0]) << 10
