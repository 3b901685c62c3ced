"""SHA-256 of files, remembered, so that the bytes of a file that did not change are not read every night.

A file is known by its bytes, never by its name or times. What is remembered is only that these bytes were
hashed before: the digest counts again if the file lies at the same place, is the same inode of the same
size, and has the same times of modification and of change, the latter of which no program can set. A file
that changes within the resolution of these times, or under a clock that goes wrong, would look the same;
so a digest is remembered only if both times were ten minutes past when it was taken.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TypeAlias

from toplists.errors import InputRefusedError
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically

_FILE = "digests.json"
# In nanoseconds. Clocks of file servers differ from this machine's, but hardly by more.
_SETTLED = 600 * 10**9


Looks: TypeAlias = list[int]
"""Device, inode, size, and times of modification and of change of a file."""

Known: TypeAlias = dict[str, tuple[Looks, str]]
"""By path: what the file looked like, and its digest."""


class Digests:
    """The digests of files, taken or remembered; `known` are those that may be remembered."""

    def __init__(self, remembered: Known | None = None) -> None:
        """Begin with what is `remembered`."""
        self.known: Known = dict(remembered or {})

    def of(self, path: Path) -> str:
        """SHA-256 of the bytes of the file at `path`, in hex.

        Raises:
            InputRefusedError: it cannot be read.
        """
        name = str(path)
        try:
            looks = looks_of(path)
            known = self.known.get(name)
            if known is not None and known[0] == looks:
                return known[1]
            began = time.time_ns()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if looks_of(path) == looks and max(looks[-2:]) < began - _SETTLED:
                self.known[name] = (looks, digest)
        except OSError as error:
            raise InputRefusedError(f"{path} cannot be read: {error.strerror}.") from error
        return digest


def looks_of(path: Path) -> Looks:
    """What shows that the bytes of a file may have changed, without reading them.

    Raises:
        InputRefusedError: it is not there.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputRefusedError(f"{path} cannot be read: {error.strerror}.") from error
    return [
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def recall(dataset: Dataset) -> Digests:
    """The digests that were remembered with a dataset; none where there are none, or they are damaged."""
    try:
        stored = json.loads((dataset.root / _FILE).read_text(encoding="utf-8"))
        return Digests({name: (looks, digest) for name, (looks, digest) in stored.items()})
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return Digests()


def remember(dataset: Dataset, digests: Digests) -> None:
    """Keep what may be remembered with a dataset, for its next night; files that are gone are forgotten."""
    there = {name: known for name, known in digests.known.items() if Path(name).exists()}
    path, content = dataset.root / _FILE, json.dumps(there, sort_keys=True)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        write_atomically(path, content)
