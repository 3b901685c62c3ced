"""The lake as a kill after each write would leave it."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from worlds import World

from toplists.lake import failpoints

State = tuple[str, Path]
"""A moment, and the lake as a kill in it would leave it."""


def left_behind(
    world: World, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> list[State]:
    """Do some work undisturbed, and copy the lake after every write on the way, into `folder`.

    What is written after a kill never comes to be, so each copy is the lake of work that was killed
    there. Threads write one at a time meanwhile: a copy has no half of a write.
    """
    states: list[State] = []
    writing = threading.RLock()

    def reach(moment: str) -> None:
        if moment.startswith("before"):
            assert writing.acquire(timeout=300)
            return
        state = folder / str(len(states))
        try:
            _copy_lake(world.dataset.root, state)
            states.append((moment.removeprefix("after "), state))
        finally:
            writing.release()

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", reach)
        work()
    return states


def _copy_lake(source: Path, target: Path) -> None:
    """Copy a folder in which workers may be writing: what they have just taken away is not copied."""
    target.mkdir(parents=True)
    for entry in list(os.scandir(source)):
        with suppress(FileNotFoundError):
            if entry.is_dir():
                _copy_lake(Path(entry), target / entry.name)
            else:
                shutil.copy2(entry, target / entry.name)


def of_every_kind(states: list[State]) -> list[State]:
    """Of writes that differ in nothing but their number or table: the first and the last."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for at, (moment, _) in enumerate(states):
        alike = re.match(r"draft|create|removal from", moment)
        kinds[alike[0] if alike else re.sub(r"\d+", "#", moment)].append(at)
    chosen = {at for found in kinds.values() for at in (found[0], found[-1])}
    return [states[at] for at in sorted(chosen)]


def restore(world: World, state: Path) -> None:
    """Put a copied lake where it was: files name others by their whole path."""
    shutil.rmtree(world.dataset.root)
    shutil.copytree(state, world.dataset.root)
    jvm = world.spark._jvm
    assert jvm is not None
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
