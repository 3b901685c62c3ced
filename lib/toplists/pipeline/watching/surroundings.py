"""What a command runs on: versions, cores, memory, disk, jars. Found without a JVM.

Kept with every attempt in the ledger, and judged by `toplists doctor`. Holds no paths and no names of
machines or people.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toplists.engine.free_memory import usable_memory

ROOT = Path(__file__).resolve().parents[4]
JARS = ROOT / ".jars"
JARS_LOCK = ROOT / "conf" / "delta-jars.lock"
PACKAGES = ("pyspark", "delta-spark", "deltalake", "numba", "numpy", "pandas", "pyarrow")

_GIB = 2.0**30
_JAVA_SECONDS = 20


def describe_surroundings(folder: Path, environ: Mapping[str, str]) -> dict[str, object]:
    """Everything at once, as plain data.

    Args:
        folder: A folder on the disk of the lake.
        environ: The process environment, for `JAVA_HOME` and `PATH`.
    """
    return {
        "python": platform.python_version(),
        "java": java_version(environ),
        **{name: package_version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": count_cores(),
        "memory_gib": round(memory_gib(), 1),
        "disk_free_gib": round(disk_free_gib(folder), 1),
        "jars": _digest_of_jars(),
    }


def java_version(environ: Mapping[str, str]) -> str | None:
    """Version of the Java that Spark would be started with; `None` where none runs."""
    home = environ.get("JAVA_HOME", "")
    java = f"{home}/bin/java" if home else shutil.which("java", path=environ.get("PATH"))
    if not java:
        return None
    try:
        said = subprocess.run(  # noqa: S603 - the operator's own Java
            [java, "-version"], capture_output=True, text=True, timeout=_JAVA_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    return found[1] if found else None


def package_version(name: str) -> str | None:
    """Version of an installed package; `None` without it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float:
    """Memory that this process may use, in GiB."""
    return usable_memory() / _GIB


def disk_free_gib(folder: Path) -> float:
    """Free space on the disk of `folder`, which need not exist yet, in GiB."""
    return shutil.disk_usage(nearest_existing(folder)).free / _GIB


def nearest_existing(folder: Path) -> Path:
    """`folder`, or the first of the folders above it that exists."""
    resolved = folder.expanduser().resolve()
    return next(path for path in (resolved, *resolved.parents) if path.exists())


def locked_jars() -> Iterator[tuple[Path, str]]:
    """Where every jar that the lock names should lie, and its SHA-256 in hex."""
    for line in JARS_LOCK.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            digest, path = line.split()
            yield JARS / Path(path).name, digest


def digest_of(jar: Path) -> str | None:
    """SHA-256 of a jar in hex; `None` where there is no such file."""
    return hashlib.sha256(jar.read_bytes()).hexdigest() if jar.is_file() else None


def _digest_of_jars() -> str | None:
    """One hash for all jars; `None` where they do not lie here, as in a driver on a cluster."""
    if not JARS_LOCK.is_file():
        return None
    digests = [digest_of(jar) or "" for jar, _ in locked_jars()]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16] if all(digests) else None
