"""What the ledger says of the last runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from toplists.lake.bookkeeping import Row
from toplists.lake.ledger import run_of

RUNNING = "running"
JUDGED = ("done", "refused")
"""How an evaluation ends that came to a verdict."""

_LOAD_PREFIX = "load-"


@dataclass(frozen=True)
class StepState:
    """The last attempt at a step.

    `state` is `done`, `refused`, `failed`, or `running` for an attempt whose end nobody recorded: it
    still runs, or its process died. `at` is when it ended, or began if it did not end.
    """

    step: str
    state: str
    seconds: float | None
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class RunState:
    """A run and its steps, in the order they were last tried."""

    run_id: str
    steps: tuple[StepState, ...]

    @property
    def at(self) -> datetime:
        """When something was last recorded of the run."""
        return max(step.at for step in self.steps)

    @property
    def seconds(self) -> float:
        """Wall time of the steps' last attempts together."""
        return sum(step.seconds or 0.0 for step in self.steps)

    @property
    def last(self) -> StepState:
        """The step that was tried last."""
        return self.steps[-1]


def last_runs(ledger: Iterable[Row], limit: int) -> list[RunState]:
    """The runs of `ledger` (rows of the table `runs`) that were worked on last, newest first."""
    latest: dict[str, dict[str, Row]] = {}
    for row in sorted(ledger, key=_order):
        latest.setdefault(row["run_id"], {})[row["step"]] = row
    runs = [
        RunState(run_id, tuple(sorted(map(_state, steps.values()), key=lambda step: step.at)))
        for run_id, steps in latest.items()
    ]
    return sorted(runs, key=lambda run: run.at, reverse=True)[:limit]


@dataclass(frozen=True)
class Night:
    """A run: when it was last worked on, and the seconds of each of its steps, in order."""

    run_id: str
    at: datetime
    steps: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Seconds of all steps together."""
        return sum(self.steps.values())


def last_nights(ledger: Sequence[Row], limit: int) -> list[Night]:
    """The runs worked on last, oldest first.

    A load is an entry of its own in the ledger; its seconds are counted with the first run over it.
    Maintenance and studies on the snapshot of a run are entries, too, and no nights.

    Args:
        ledger: Rows of the table `runs`.
        limit: How many runs.
    """
    everything = last_runs(ledger, len(ledger))
    loads = {
        run.run_id.removeprefix(_LOAD_PREFIX): run.seconds
        for run in everything
        if run.run_id.startswith(_LOAD_PREFIX)
    }
    inputs = {row["run_id"]: _loads_of(row) for row in ledger if row["as_of"] is not None}
    nights = []
    for run in sorted(everything, key=lambda run: run.at):
        if run.run_id not in inputs or run_of(run.run_id) != run.run_id:
            continue
        ingest = sum(loads.pop(load_id, 0.0) for load_id in inputs[run.run_id])
        steps = {"ingest": ingest} if ingest else {}
        steps |= {step.step: step.seconds for step in run.steps if step.seconds is not None}
        nights.append(Night(run.run_id, run.at, steps))
    return nights[-limit:]


def _loads_of(row: Row) -> Iterable[str]:
    loads: Iterable[str] = json.loads(row["inputs"]).get("loads", ())
    return loads


def _order(row: Row) -> tuple[int, bool]:
    """Sorts the rows of a step so that the one that counts comes last."""
    return row["attempt"], row["state"] != RUNNING


def _state(row: Row) -> StepState:
    return StepState(row["step"], row["state"], row["seconds"], row["reason"], row["at"])
