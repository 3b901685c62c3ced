"""How far a fit has come: the manifest that the driver commits after every half.

It names what is there after the newest half, and after the one before, so that a fit whose newest files
are damaged goes back by one half instead of to its start.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from toplists.engine.blocks import BlockSet, Side
from toplists.engine.storage import commit_manifest, is_intact, read_manifest, remove_parts
from toplists.lake.failpoints import written

_LOG = logging.getLogger(__name__)
_FILE = "progress.json"
_KEPT = 2


def fingerprint_of(blocks: Mapping[Side, BlockSet], *terms: object) -> str:
    """Tells fits apart by where their blocks are cut, and by the `repr` of all that decides them."""
    cuts = [(side, of.rows, of.starts()) for side, of in sorted(blocks.items())]
    return hashlib.sha256(repr((cuts, *terms)).encode()).hexdigest()[:16]


class State(Protocol):
    """What is known after so many halves."""

    @property
    def halves(self) -> int:
        """How many are done."""
        ...

    @property
    def named(self) -> Collection[str]:
        """The parts that later halves or the result are made of."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As the manifest has it."""
        ...


StateT = TypeVar("StateT", bound=State)


class Progress(Generic[StateT]):
    """The manifest of one fit.

    `fit` says which fit it is of: what another one left in the folder does not count. `read` is the
    inverse of its state's `to_json`.
    """

    def __init__(self, folder: Path, fit: str, read: Callable[[Mapping[str, Any]], StateT]) -> None:
        """Read the manifest in `folder`."""
        self._path, self._fit = folder / _FILE, fit
        manifest = read_manifest(self._path)
        known = manifest["states"] if manifest is not None and manifest["fit"] == fit else []
        self._states = [read(state) for state in known]

    def resume(self) -> StateT | None:
        """The newest state whose files are intact, or `None`. Later ones are forgotten."""
        while self._states and not all(map(is_intact, self._states[0].named)):
            damaged = self._states.pop(0)
            _LOG.warning(
                "files of half %d of the fit in %s are damaged or gone: going back by one half",
                damaged.halves,
                self._path.parent,
            )
        return self._states[0] if self._states else None

    def commit(self, state: StateT) -> None:
        """From here on the fit has come to `state`; what no kept state names is removed."""
        before = self._states
        self._states = [state, *before][:_KEPT]
        commit_manifest(
            self._path, {"fit": self._fit, "states": [kept.to_json() for kept in self._states]}
        )
        with written(f"removal after half {state.halves}"):
            remove_parts(_named(before) - _named(self._states))


def _named(states: Collection[State]) -> set[str]:
    return {part for state in states for part in state.named}
