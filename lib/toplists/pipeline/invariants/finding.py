"""The vocabulary of the checks: what must hold, what was found, and what was looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from toplists.pipeline.invariants.lake_view import LakeView

Level: TypeAlias = Literal["error", "warning"]
State: TypeAlias = Literal["holds", "warning", "broken"]

_EXAMPLES = 3


@dataclass(frozen=True)
class Evidence:
    """What one look found.

    Attributes:
        looked_at: Figures of what was looked at, such as `2 runs, 1,204 pairs`.
        faults: What is wrong, a phrase each; none where the invariant holds.
        excused: Why part of it could not be looked at, if so.
    """

    looked_at: str
    faults: Sequence[str] = ()
    excused: str = ""


@dataclass(frozen=True)
class Invariant:
    """Something that is true of every sound lake.

    Attributes:
        name: Short name, as in `toplists check`.
        sentence: What is true.
        remedy: What to do where it is not.
        look: Looks; must not change anything.
        level: `warning`: a fault is work that waits, such as for a command to be run again.
        deep: Looked at with `--deep` only, because it passes over all events.
    """

    name: str
    sentence: str
    remedy: str
    look: Callable[[LakeView], Evidence]
    level: Level = "error"
    deep: bool = False


@dataclass(frozen=True)
class Finding:
    """What became of an invariant in one dataset."""

    name: str
    sentence: str
    state: State
    figures: str
    remedy: str | None


def find(invariant: Invariant, view: LakeView) -> Finding:
    """Look, and put what was found into words."""
    evidence = invariant.look(view)
    parts = [evidence.looked_at, *evidence.faults[:_EXAMPLES]]
    if len(evidence.faults) > _EXAMPLES:
        parts.append(f"and {len(evidence.faults) - _EXAMPLES:,} more")
    if evidence.excused:
        parts.append(evidence.excused)
    state: State = "holds"
    if evidence.faults:
        state = "broken" if invariant.level == "error" else "warning"
    return Finding(
        invariant.name,
        invariant.sentence,
        state,
        "; ".join(parts),
        invariant.remedy if evidence.faults else None,
    )
