"""A backfill in Airflow, its plan and its jobs replaced by fakes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import HERE, Recorder, Run, states
from fake_submit import RUN_ID

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

DAG_ID = "toplists_backfill"
DAYS = {"first_day": "2026-11-20", "last_day": "2026-11-22"}
STEPS = ["prepare", "train", "recommend", "evaluate"]
# A run of Airflow is known by its time.
MOMENTS = (datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in count())


def triggered_by(dag_run: DagRun) -> list[DagRun]:
    """The runs that a run has begun."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        named = DagRun.run_id.startswith(f"{dag_run.run_id}.")
        return session.query(DagRun).filter(DagRun.dag_id == DAG_ID, named).all()


Chain = Callable[..., list["DagRun"]]


@pytest.fixture
def chain(run: Run) -> Chain:
    """Runs a backfill, and the runs that it begins one after the other, as a scheduler would."""

    def run_them(**conf: Any) -> list[DagRun]:
        runs: list[DagRun] = []
        following: dict[str, Any] | None = {**DAYS, **conf}
        while following is not None:
            moment = next(MOMENTS)
            runs.append(run(DAG_ID, following, logical_date=moment, run_after=moment))
            begun = triggered_by(runs[-1])
            assert len(begun) <= 1
            following = begun[0].conf if begun else None
        return runs

    return run_them


@pytest.fixture(autouse=True)
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake in the place of `./toplists`."""
    command = tmp_path / "toplists"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "fake_toplists.py"} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setattr("toplists_airflow.backfill.COMMAND", str(command))


def as_ofs(submit: Recorder) -> list[str]:
    """The days that were computed, in order."""
    calls = [call for call in submit.calls() if "--as-of" in call]
    return [call[call.index("--as-of") + 1] for call in calls]


def test_without_being_told_it_only_says_what_there_is_to_do(
    chain: Chain, submit: Recorder
) -> None:
    (dag_run,) = chain()
    assert submit.calls() == []
    found = states(dag_run)
    assert (found.pop("plan"), found.pop("complete")) == ("success", "success")
    assert set(found.values()) == {"skipped"}


def test_days_are_computed_one_after_the_other_and_not_published(
    chain: Chain, submit: Recorder
) -> None:
    runs = chain(dry_run=False)
    assert submit.verbs() == STEPS * 3
    assert as_ofs(submit) == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert [states(one)["publish"] for one in runs] == ["skipped"] * 3
    assert [states(one)["next_day"] for one in runs] == ["success", "success", "skipped"]
    assert {one.state for one in runs} == {"success"}


def test_the_pointer_moves_forward_where_it_shall(chain: Chain, submit: Recorder) -> None:
    chain(dry_run=False, move_pointer=True, last_day="2026-11-21")
    assert submit.verbs() == [*STEPS, "publish", "export"] * 2
    published = [call for call in submit.calls() if "--if-newest" in call]
    assert [call[call.index("--run-id") + 1] for call in published] == [RUN_ID] * 2


def test_what_is_done_is_not_done_again(
    chain: Chain, submit: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DONE", json.dumps(["2026-11-20", "2026-11-22"]))
    (dag_run,) = chain(dry_run=False)
    assert as_ofs(submit) == ["2026-11-21"]
    assert states(dag_run)["next_day"] == "skipped"


def test_a_day_that_fails_is_the_last_one(chain: Chain, submit: Recorder) -> None:
    submit.will_end(train=[0, 3])
    good, bad = chain(dry_run=False)
    assert as_ofs(submit) == ["2026-11-20", "2026-11-21"]
    assert (good.state, bad.state) == ("success", "failed")
    assert states(bad)["next_day"] == "upstream_failed"


def test_a_day_that_is_cleared_goes_on_and_the_others_follow(
    chain: Chain, run: Run, submit: Recorder
) -> None:
    submit.will_end(evaluate=[0, 3, 0])
    _, bad = chain(dry_run=False)
    # The same run of Airflow again, as one that was cleared.
    again = run(DAG_ID, bad.conf, logical_date=bad.logical_date, run_after=bad.run_after)
    assert (again.run_id, again.state) == (bad.run_id, "success")
    (following,) = triggered_by(again)
    assert following.conf["first_day"] == "2026-11-22"
    assert following.run_id == f"{bad.run_id}.2026-11-22"
    assert following.conf["dry_run"] is False
    # And once more: the next day is begun already.
    twice = run(DAG_ID, bad.conf, logical_date=bad.logical_date, run_after=bad.run_after)
    assert states(twice)["next_day"] == "skipped"
    assert len(triggered_by(twice)) == 1


def test_days_have_to_be_given(run: Run, submit: Recorder) -> None:
    moment = next(MOMENTS)
    dag_run = run(DAG_ID, {"dry_run": False}, logical_date=moment, run_after=moment)
    assert states(dag_run)["plan"] == "failed"
    assert submit.calls() == []


def test_without_a_plan_nothing_is_begun(
    chain: Chain, submit: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PLAN_ENDS", "2")
    (dag_run,) = chain(dry_run=False)
    (ti,) = [one for one in dag_run.get_task_instances() if one.task_id == "plan"]
    assert (ti.state, ti.try_number) == ("failed", 1)  # trying again would not help
    assert submit.calls() == []
