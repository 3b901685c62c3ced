"""Files that tasks exchange: arrays in the run's work folder, and manifests that name them.

A task writes its arrays under a name that no other attempt uses and returns one row; the driver
commits the rows that came back as a manifest, in one atomic rename. What a manifest does not name
does not exist, so retried and speculative tasks leave nothing but unnamed files behind.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from toplists.lake.failpoints import written
from toplists.lake.files import write_atomically

Array = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]
_SEAL = "seal.json"
_BYTES_AT_A_TIME = 1 << 24


def attempt_folder(folder: str, name: str) -> Path:
    """A fresh folder for what this attempt of this task writes as `name`.

    Spark counts stages and attempts anew in every application, and a worker may outlive its own: only
    what is random belongs to one attempt alone.
    """
    path = Path(folder) / f"{name}-{uuid4().hex[:16]}"
    path.mkdir(parents=True)
    return path


def save_part(folder: str, name: str, arrays: Arrays, *, sealed: bool = False) -> str:
    """Write arrays under a name of this attempt's own, with checksums if asked for; where they lie."""
    path = attempt_folder(folder, name)
    with written(f"part {name}"):
        save_arrays(path, arrays)
        if sealed:
            seal(path)
    return str(path)


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write each array as `<name>.npy` in the folder `path`."""
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array, allow_pickle=False)


def create_array(
    path: Path, name: str, shape: tuple[int, ...]
) -> np.memmap[Any, np.dtype[np.float32]]:
    """An array to be filled in the folder `path`: mapped, not held.

    Raises:
        OSError: there is no space for it. A mapped file that finds that out later kills its process.
    """
    file = path / f"{name}.npy"
    array: np.memmap[Any, np.dtype[np.float32]] = open_memmap(
        file, mode="w+", dtype=np.float32, shape=shape
    )
    with file.open("rb+") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return array


def seal(path: Path) -> None:
    """Note the checksum of every array of the folder `path`, for `is_intact`."""
    sums = {file.name: _checksum(file) for file in sorted(path.glob("*.npy"))}
    (path / _SEAL).write_text(json.dumps(sums), encoding="utf-8")


def is_intact(path: str) -> bool:
    """Whether the arrays of a folder are there as they were when it was sealed."""
    try:
        sums = json.loads((Path(path) / _SEAL).read_text(encoding="utf-8"))
        return all(_checksum(Path(path) / name) == known for name, known in sums.items())
    except (OSError, ValueError):
        return False


def _checksum(file: Path) -> int:
    checksum = 0
    with file.open("rb") as content:
        while piece := content.read(_BYTES_AT_A_TIME):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def open_array(path: str | Path, name: str) -> Array:
    """The array `name` of a folder, memory-mapped read-only (empty arrays cannot be mapped)."""
    file = Path(path) / f"{name}.npy"
    try:
        array: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError:
        array = np.load(file, allow_pickle=False)
    return array


def find_array(path: str | Path, name: str) -> Array | None:
    """The array `name` of a folder as `open_array` gives it, or `None` where there is none."""
    return open_array(path, name) if (Path(path) / f"{name}.npy").exists() else None


def commit_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a manifest; from here on what it names exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content))


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The committed manifest, or `None`."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
