"""Checksums beside the arrays of a part: whether they are as they were written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

SEAL = "seal.json"
BYTES_AT_A_TIME = 1 << 24


class Readable(Protocol):
    """An open file, wherever it lies."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


Opens = Callable[[str], AbstractContextManager[Readable]]
"""Opens the file of a name."""


def pieces_of(content: Readable) -> Iterator[bytes]:
    """All that is in an open file."""
    while piece := content.read(BYTES_AT_A_TIME):
        yield piece


def seal(folder: Path) -> None:
    """Note the checksum of every array of a folder."""
    sums = {}
    for file in sorted(folder.glob("*.npy")):
        with file.open("rb") as content:
            sums[file.name] = _checksum(content)
    (folder / SEAL).write_text(json.dumps(sums), encoding="utf-8")


def read_seal(opens: Opens) -> Mapping[str, int]:
    """The checksums of a sealed folder, by name of file.

    Raises:
        OSError: there is no seal.
        ValueError: it is not whole.
    """
    with opens(SEAL) as content:
        return dict(json.loads(b"".join(pieces_of(content))))


def holds(opens: Opens) -> bool:
    """Whether the files of a folder are there as they were when it was sealed."""
    try:
        for name, known in read_seal(opens).items():
            with opens(name) as content:
                if _checksum(content) != known:
                    return False
    except (OSError, ValueError):
        return False
    return True


def _checksum(content: Readable) -> int:
    checksum = 0
    for piece in pieces_of(content):
        checksum = zlib.crc32(piece, checksum)
    return checksum
