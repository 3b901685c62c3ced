"""Maintenance: first a look, then the work, by the same verb."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import CronTriggerTimetable
from conftest import HERE, Recorder, Run, states
from test_commands import rendered

if TYPE_CHECKING:
    from airflow.sdk import DAG

MAINTENANCE = "toplists_maintenance"
SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN: dict[str, Any] = {
    "logical_date": SUNDAY,
    "run_after": SUNDAY,
    "run_id": "scheduled__2026-11-22T12:00:00+00:00",
    "params": {},
}


def dry_runs(submit: Recorder) -> list[bool]:
    """Of each call, whether it only looks."""
    return ["--dry-run" in call for call in submit.calls()]


def test_every_command_is_the_stored_one(
    dags: Mapping[str, DAG], request: pytest.FixtureRequest
) -> None:
    dag = dags[MAINTENANCE]
    found = "".join(rendered(dag, task, RUN) + "\n" for task in ("look", "maintain"))
    stored = HERE / "commands" / "maintenance.txt"
    if request.config.getoption("--update"):
        stored.write_text(found)
    assert found == stored.read_text()


def test_it_runs_once_a_week(dags: Mapping[str, DAG]) -> None:
    clock = dags[MAINTENANCE].timetable
    assert isinstance(clock, CronTriggerTimetable)
    assert clock.expression == "0 12 * * 0"


def test_it_looks_before_it_works(run: Run, submit: Recorder) -> None:
    found = states(run(MAINTENANCE, logical_date=SUNDAY, run_after=SUNDAY))
    assert found == {"look": "success", "maintain": "success"}
    assert submit.verbs() == ["maintain", "maintain"]
    assert dry_runs(submit) == [True, False]


def test_it_may_only_look(run: Run, submit: Recorder) -> None:
    found = states(run(MAINTENANCE, {"dry_run": True}))
    assert found == {"look": "success", "maintain": "skipped"}
    assert dry_runs(submit) == [True]


def test_it_does_not_work_where_it_cannot_look(run: Run, submit: Recorder) -> None:
    submit.will_end(maintain=[2])
    found = states(run(MAINTENANCE))
    assert found == {"look": "failed", "maintain": "upstream_failed"}
    assert dry_runs(submit) == [True]


def test_a_night_that_writes_is_waited_for(run: Run, submit: Recorder) -> None:
    submit.will_end(maintain=[0, 4, 0])
    assert states(run(MAINTENANCE)) == {"look": "success", "maintain": "success"}
    assert dry_runs(submit) == [True, False, False]
