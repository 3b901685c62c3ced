"""The machine that a benchmark ran on, as its results say."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def describe_machine() -> dict[str, str]:
    """Date, cores, memory, versions and commit."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=, changed since"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": f"{len(os.sched_getaffinity(0))} of {cpu}",
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
        "pyspark": version("pyspark"),
        "commit": commit.stdout.strip(),
    }
