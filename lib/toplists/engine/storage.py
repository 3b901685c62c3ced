"""Files that tasks exchange: arrays in the run's work folder, and manifests that name them.

A task writes its arrays under a name that no other attempt uses and returns one row; the driver
commits the rows that came back as a manifest, in one atomic rename. What a manifest does not name
does not exist, so retried and speculative tasks leave nothing but unnamed files behind. Manifests lie
with the lake; the arrays may lie elsewhere (see `toplists.engine.remote_parts`), which only this module
knows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import prod
from os import SEEK_CUR
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from numpy.lib.format import read_array_header_1_0, read_magic, write_array_header_1_0

from toplists.engine.remote_parts import PLACE, find_part, find_remote
from toplists.engine.seals import holds, seal
from toplists.lake.failpoints import written
from toplists.lake.files import write_atomically

Array = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]
_AT_ONCE = 16  # requests to a storage that takes its time for each


def attempt_folder(folder: str, name: str) -> Path:
    """A fresh folder for what this attempt of this task writes as `name`."""
    path = _attempt(folder, name)
    path.mkdir(parents=True)
    return path


def _attempt(folder: str, name: str) -> Path:
    """A path of this attempt's own.

    Spark counts stages and attempts anew in every application, and a worker may outlive its own: only
    what is random belongs to one attempt alone.
    """
    return Path(folder) / f"{name}-{uuid4().hex[:16]}"


def save_part(folder: str, name: str, arrays: Arrays, *, sealed: bool = False) -> str:
    """Write arrays under a name of this attempt's own, with checksums if asked for; where they lie."""
    path = _attempt(folder, name)
    remote = find_part(str(path))
    target = path if remote is None else remote.copies
    with written(f"part {name}"):
        target.mkdir(parents=True)
        save_arrays(target, arrays)
        if remote is not None:
            remote.save()
        elif sealed:
            seal(target)
    return str(path)


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write each array as `<name>.npy` in the folder `path`, which is of this node."""
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array, allow_pickle=False)


def allocate_rows(path: Path, name: str, shape: tuple[int, ...]) -> None:
    """Make room for an array as `<name>.npy` in the folder `path`, for `write_rows` to fill.

    Args:
        path: A folder of this node.
        name: Of the array, which is float32.
        shape: Its own.
    """
    header = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": shape}
    with (path / f"{name}.npy").open("wb") as file:
        write_array_header_1_0(file, header)
        file.truncate(file.tell() + prod(shape) * np.dtype(np.float32).itemsize)


def write_rows(
    path: Path, name: str, first: int, pieces: Iterable[npt.NDArray[np.float32]]
) -> None:
    """Write rows of such an array from `first` on, piece by piece: they are never held as a whole.

    A full disk is an error here; through a map it would end the process.
    """
    with (path / f"{name}.npy").open("r+b") as file:
        read_magic(file)
        shape, _, kind = read_array_header_1_0(file)
        file.seek(first * prod(shape[1:]) * kind.itemsize, SEEK_CUR)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece).data)


def is_intact(path: str) -> bool:
    """Whether the arrays of a part are there as they were when it was sealed."""
    remote = find_part(path)
    return holds(
        lambda name: (Path(path) / name).open("rb") if remote is None else remote.folder.read(name)
    )


def open_array(path: str | Path, name: str) -> Array:
    """The array `name` of a part, memory-mapped read-only (empty arrays cannot be mapped).

    Raises:
        OSError: there is none.
        ToplistsError: its storage cannot be read, or it is not as it was written there.
    """
    remote = find_part(str(path))
    file = Path(path) / f"{name}.npy" if remote is None else remote.copy(f"{name}.npy")
    try:
        array: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError:
        array = np.load(file, allow_pickle=False)
    return array


def find_array(path: str | Path, name: str) -> Array | None:
    """The array `name` of a part as `open_array` gives it, or `None` where there is none."""
    remote = find_part(str(path))
    file = f"{name}.npy"
    is_there = (Path(path) / file).exists() if remote is None else file in remote.sums()
    return open_array(path, name) if is_there else None


def bring_here(parts: Iterable[str], *names: str) -> None:
    """Copy arrays of many parts to this node at once, where they lie elsewhere; then they open at once."""
    far = [remote for remote in map(find_part, parts) if remote is not None]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name in names:
            list(pool.map(lambda remote, file=f"{name}.npy": remote.copy(file), far))


@lru_cache(maxsize=6)
def open_whole(parts: tuple[str, ...], name: str) -> Array:
    """The array `name` of all parts as one, put together once per worker."""
    bring_here(parts, name)
    return np.concatenate([open_array(part, name) for part in parts])


def folder_here(path: str) -> Path:
    """A folder of this node for what is made of a part and goes with it."""
    remote = find_part(path)
    return Path(path) if remote is None else remote.copies


def folders_in(folder: Path) -> list[Path]:
    """All folders within a folder, those of parts that lie elsewhere by the paths they are known by."""
    here = {path for path in folder.rglob("*") if path.is_dir()}
    remote = find_remote(folder)
    far = () if remote is None else remote.folder.sizes()
    return sorted(here | {folder / parent for file in far for parent in file.parents[:-1]})


def bytes_in(path: Path) -> int:
    """The size of a file, or of a folder with all that is in it, wherever its parts lie."""
    if path.is_file():
        return path.stat().st_size
    remote = find_remote(path)
    far = 0 if remote is None else sum(remote.folder.sizes().values())
    return far + sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def remove_parts(paths: Iterable[str | Path]) -> None:
    """Remove parts, or folders with all that is in them; it may be interrupted and repeated.

    Raises:
        ToplistsError: what lies elsewhere cannot be removed; what names it is still there.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_remove, map(Path, paths)))


def _remove(path: Path) -> None:
    remote = find_remote(path)
    if remote is not None:
        remote.folder.remove()
        rmtree(remote.copies, ignore_errors=True)
    rmtree(path, ignore_errors=True)


def empty_folder(folder: Path) -> None:
    """Remove all that is in a folder; where parts below it lie stays as it was settled.

    So what tasks of an earlier attempt still write is found where it would be now.

    Raises:
        ToplistsError: what lies elsewhere cannot be removed.
    """
    with written(f"removal of what is in {folder.name}"):
        remote = find_remote(folder)
        if remote is not None:
            remote.folder.remove()
            rmtree(remote.copies, ignore_errors=True)
        for path in folder.glob("*"):
            if path.is_dir():
                rmtree(path, ignore_errors=True)
            elif path.name != PLACE:
                path.unlink(missing_ok=True)


def are_there(parts: Iterable[str]) -> bool:
    """Whether there are such parts; what is in them is not looked at."""
    by_folder = defaultdict(set)
    for part in map(Path, parts):
        by_folder[part.parent].add(part)
    return all(own <= set(find_parts(folder, "")) for folder, own in by_folder.items())


def find_parts(folder: Path, prefix: str) -> list[Path]:
    """The parts directly in a folder whose names begin with `prefix`."""
    remote = find_remote(folder)
    names = (path.name for path in folder.glob("*")) if remote is None else remote.folder.names()
    return sorted(folder / name for name in names if name.startswith(prefix))


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
