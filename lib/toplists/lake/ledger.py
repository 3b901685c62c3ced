"""The ledger: one row when an attempt at a step begins, and one when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from toplists.lake.bookkeeping import Row, append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import RUNS

Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True)
class Run:
    """What a run is: one `as_of` over one state of the inputs, under one configuration and code."""

    run_id: str
    as_of: date | None
    inputs: str
    configuration: str
    configuration_hash: str
    code_version: str

    @property
    def loads(self) -> list[str]:
        """The loads that the run is over."""
        return list(json.loads(self.inputs)["loads"])

    @property
    def parent(self) -> str | None:
        """The run that its fits start from; `None` for one that starts from nothing."""
        parent: str | None = json.loads(self.inputs).get("parent")
        return parent

    @property
    def generation(self) -> int:
        """How many runs in a row started from one another before it."""
        return int(json.loads(self.inputs).get("generation", 0))

    @property
    def stop_list(self) -> str:
        """The digest of the items that the run leaves out."""
        return str(json.loads(self.inputs)["stop_list"])

    @property
    def vectors(self) -> str | None:
        """The digest of the tables of vectors that its models read; `None` where they read none."""
        digest: str | None = json.loads(self.inputs).get("vectors")
        return digest


@dataclass(frozen=True)
class Outcome:
    """What a finished step has to say.

    `facts` is what the next steps and `toplists status` need to know (counts, choices, a verdict);
    `detail` is the line a person sees.
    """

    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows_in: int | None = None
    rows_out: int | None = None
    rejected: int | None = None


@dataclass(frozen=True)
class Attempt:
    """An attempt in progress; `number` counts the tries at this step of this run."""

    run: Run
    step: str
    number: int
    began: datetime


class Ledger:
    """Reads and writes the attempts of one dataset."""

    def __init__(
        self, dataset: Dataset, clock: Clock, surroundings: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        """Keep the ledger of `dataset`.

        Args:
            dataset: The dataset.
            clock: Gives the times that are written.
            surroundings: What attempts run on (versions, cores, memory), kept when one begins.
        """
        self._dataset = dataset
        self._clock = clock
        self._surroundings = surroundings

    def begin(self, run: Run, step: str) -> Attempt:
        """Record that an attempt begins."""
        tries = {int(row["attempt"]) for row in self._rows(run.run_id, step)}
        attempt = Attempt(run, step, max(tries, default=0) + 1, self._clock())
        facts = {"surroundings": dict(self._surroundings())}
        self._append(attempt, "running", at=attempt.began, facts=json.dumps(facts, sort_keys=True))
        return attempt

    def finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """Record that the attempt did what it was for."""
        self._append(
            attempt,
            "done",
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            rejected=outcome.rejected,
            facts=json.dumps({"detail": outcome.detail, **outcome.facts}, sort_keys=True),
        )

    def refuse(self, attempt: Attempt, reason: str, facts: Mapping[str, Any]) -> None:
        """Record that the attempt ended in a refusal, with what led to it."""
        self._append(
            attempt, "refused", reason=reason, facts=json.dumps(dict(facts), sort_keys=True)
        )

    def fail(self, attempt: Attempt, reason: str, facts: Mapping[str, Any] | None = None) -> None:
        """Record that the attempt failed, with what it came to all the same."""
        kept = None if facts is None else json.dumps(dict(facts), sort_keys=True)
        self._append(attempt, "failed", reason=reason, facts=kept)

    def facts(
        self, run_id: str, step: str, *, states: Collection[str] = ("done",)
    ) -> dict[str, Any] | None:
        """The facts of the step's last attempt that ended in one of `states`; `None` without one."""
        ended = [row for row in self._rows(run_id, step) if row["state"] in states]
        if not ended:
            return None
        newest = max(ended, key=lambda row: int(row["attempt"]))
        return dict(json.loads(newest["facts"]))

    def find_run(self, run_id: str) -> Run | None:
        """The run of that id, if any step of it was ever attempted."""
        rows = read_rows(self._dataset, RUNS, run_id=run_id)
        return _run(rows[0]) if rows else None

    def newest_run(self, as_of: date | None, like: Run) -> Run | None:
        """The run prepared last under the settings and code of `like`, of that `as_of` if given."""
        rows = [
            row
            for row in read_rows(self._dataset, RUNS, step="prepare")
            if row["state"] == "done"
            and (as_of is None or row["as_of"] == as_of)
            and row["configuration"] == like.configuration
            and row["code_version"] == like.code_version
        ]
        return _run(max(rows, key=lambda row: row["at"])) if rows else None

    def runs_like(self, run: Run) -> list[Run]:
        """The runs that are what `run` is, whatever their parent; the one begun last is first."""
        begun = runs_like(read_rows(self._dataset, RUNS, step="prepare"), run)
        return [one for one in begun if one.loads == run.loads]

    def _rows(self, run_id: str, step: str) -> list[Row]:
        return read_rows(self._dataset, RUNS, run_id=run_id, step=step)

    def _append(
        self,
        attempt: Attempt,
        state: str,
        *,
        at: datetime | None = None,
        rows_in: int | None = None,
        rows_out: int | None = None,
        rejected: int | None = None,
        facts: str | None = None,
        reason: str | None = None,
    ) -> None:
        run, at = attempt.run, at or self._clock()
        row: Row = {
            "run_id": run.run_id,
            "step": attempt.step,
            "attempt": attempt.number,
            "state": state,
            "as_of": run.as_of,
            "inputs": run.inputs,
            "rows_in": rows_in,
            "rows_out": rows_out,
            "rejected": rejected,
            "configuration_hash": run.configuration_hash,
            "configuration": run.configuration,
            "code_version": run.code_version,
            "seconds": None if state == "running" else (at - attempt.began).total_seconds(),
            "facts": facts,
            "reason": reason,
            "at": at,
        }
        append_rows(self._dataset, RUNS, [row])


def _run(row: Row) -> Run:
    return Run(
        run_id=row["run_id"],
        as_of=row["as_of"],
        inputs=row["inputs"],
        configuration=row["configuration"],
        configuration_hash=row["configuration_hash"],
        code_version=row["code_version"],
    )


def runs_like(rows: Iterable[Row], run: Run) -> list[Run]:
    """The runs that are what `run` is, whatever their parent and loads; the one begun last is first.

    Args:
        rows: Of the ledger; those of `prepare` say what runs there are.
        run: The run.
    """
    alike = [
        row
        for row in rows
        if row["step"] == "prepare"
        and row["as_of"] == run.as_of
        and row["configuration"] == run.configuration
        and row["code_version"] == run.code_version
        and json.loads(row["inputs"]).get("stop_list") == run.stop_list
        and _run(row).vectors == run.vectors
    ]
    return [_run(row) for row in sorted(alike, key=lambda row: row["at"], reverse=True)]


def run_of(belonging: str) -> str:
    """The run that a fit or a study belongs to: the first part of its id."""
    return belonging.partition(".")[0]


def utc_now() -> datetime:
    """The clock of entry points."""
    return datetime.now(UTC)
