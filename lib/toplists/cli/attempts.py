"""What the ledger says of the last runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from toplists.lake.bookkeeping import Row

RUNNING = "running"


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


def _order(row: Row) -> tuple[int, bool]:
    """Sorts the rows of a step so that the one that counts comes last."""
    return row["attempt"], row["state"] != RUNNING


def _state(row: Row) -> StepState:
    return StepState(row["step"], row["state"], row["seconds"], row["reason"], row["at"])
