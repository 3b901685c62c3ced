"""How far an alternation has come: the manifest that the driver commits after every half.

It names the vectors of both sides after the newest half, and after the one before, so that a fit whose
newest files are damaged goes back by one half instead of to its start.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from toplists.engine.blocks import SIDES, Side
from toplists.engine.storage import commit_manifest, is_intact, read_manifest
from toplists.lake.failpoints import written

_LOG = logging.getLogger(__name__)
_FILE = "progress.json"
_KEPT = 2


@dataclass(frozen=True)
class State:
    """What is known after a half.

    `parts` are the vectors of each side, `objective` is what was minimized after each iteration,
    `singular` how many rows of each side had no unique solution when they were solved last.
    """

    halves: int
    parts: Mapping[Side, tuple[str, ...]]
    objective: tuple[float, ...] = ()
    singular: Mapping[Side, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {
            "halves": self.halves,
            "parts": {str(side): list(parts) for side, parts in self.parts.items()},
            "objective": list(self.objective),
            "singular": dict(self.singular or {}),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> State:
        """The inverse of `to_json`."""
        parts = {side: tuple(content["parts"].get(side, ())) for side in SIDES}
        return cls(content["halves"], parts, tuple(content["objective"]), dict(content["singular"]))

    def is_intact(self) -> bool:
        """Whether every part is as it was written."""
        return all(is_intact(part) for parts in self.parts.values() for part in parts)


class Progress:
    """The manifest of one fit.

    `fit` says which fit it is of: what another one left in the folder does not count.
    """

    def __init__(self, folder: Path, fit: str) -> None:
        """Read the manifest in `folder`."""
        self._path, self._fit = folder / _FILE, fit
        manifest = read_manifest(self._path)
        known = manifest["states"] if manifest is not None and manifest["fit"] == fit else []
        self._states = [State.from_json(state) for state in known]

    def resume(self) -> State | None:
        """The newest state whose files are intact, or `None`. Later ones are forgotten."""
        while self._states and not self._states[0].is_intact():
            damaged = self._states.pop(0)
            _LOG.warning(
                "files of half %d of the fit in %s are damaged or gone: going back by one half",
                damaged.halves,
                self._path.parent,
            )
        return self._states[0] if self._states else None

    def commit(self, state: State) -> None:
        """From here on the fit has come to `state`; what no kept state names is removed."""
        before = self._states
        self._states = [state, *before][:_KEPT]
        commit_manifest(
            self._path, {"fit": self._fit, "states": [kept.to_json() for kept in self._states]}
        )
        with written(f"removal after half {state.halves}"):
            for part in _named(before) - _named(self._states):
                rmtree(part, ignore_errors=True)


def _named(states: list[State]) -> set[str]:
    return {part for state in states for parts in state.parts.values() for part in parts}
