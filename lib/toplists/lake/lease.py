"""One writer at a time per dataset.

On a file system the lease is a `flock`: the kernel frees it when its holder dies, however it dies.
Every acquisition takes the next fencing number, which the pointer records and checks, so that a
writer that lost the lease without noticing cannot move the pointer behind its successor.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toplists.errors import ConflictError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.lake.tables import PUBLICATIONS

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Lease:
    """The right to write to a dataset, under its fencing number."""

    fence: int


@contextmanager
def hold_lease(dataset: Dataset, command: str, *, wait_seconds: float = 0.0) -> Iterator[Lease]:
    """Hold the dataset's lease for the length of the block.

    Args:
        dataset: The dataset to be written.
        command: What the holder does, shown to those who are locked out.
        wait_seconds: How long to wait for a present holder.

    Raises:
        ConflictError: another process holds the lease.
    """
    dataset.root.mkdir(parents=True, exist_ok=True)
    record = dataset.root / "lease.json"
    with (dataset.root / "lease.lock").open("a") as lock:
        _acquire(lock.fileno(), dataset, record, time.monotonic() + wait_seconds)
        fence = _last_fence(dataset, record) + 1
        holder = {
            "fence": fence,
            "command": command,
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }
        write_atomically(record, json.dumps(holder))
        yield Lease(fence)


def _last_fence(dataset: Dataset, record: Path) -> int:
    """The highest number that was given out, as far as anything tells.

    The record may be lost, or be an old one out of a backup; what was published since is not.
    """
    published = [int(row["fence"]) for row in read_rows(dataset, PUBLICATIONS)]
    return max([int(_read(record).get("fence", 0)), *published])


def describe_holder(dataset: Dataset) -> str | None:
    """Who holds the dataset's lease, in words; `None` where it is free.

    Looks by taking a shared lock for an instant, since only the kernel knows.
    """
    path = dataset.root / "lease.lock"
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _in_words(_read(dataset.root / "lease.json"))
    return None


def _in_words(holder: dict[str, str | int]) -> str:
    return (
        f"{holder.get('command', 'unknown')}, pid {holder.get('pid', '?')} on "
        f"{holder.get('host', '?')}"
    )


def _acquire(descriptor: int, dataset: Dataset, record: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"Dataset {dataset.name} is being written by another process "
                    f"({_in_words(_read(record))}). Wait for it to end and run the command again, or "
                    "let it wait with --set lake.lease_seconds=600."
                ) from None
            time.sleep(_POLL_SECONDS)


def _read(record: Path) -> dict[str, str | int]:
    """What the last holder wrote; nothing where that is lost or damaged."""
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
