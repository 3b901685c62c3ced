"""Whether live lists are fresh: asked of `./toplists`, here of one that ends as it is told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import CronTriggerTimetable
from conftest import Run, states

if TYPE_CHECKING:
    from airflow.sdk import DAG

FRESHNESS = "toplists_freshness"
TOO_OLD = "The live lists of dataset shop are too old: published 30 h ago, allowed are 26 h."


@pytest.fixture
def answer(
    dags: Mapping[str, DAG], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Makes the command end with these codes in turn, the last one ever after; returns its calls."""

    def make(*codes: int) -> Path:
        calls, command = tmp_path / "calls", tmp_path / "toplists"
        calls.touch()
        turns = " ".join(map(str, codes))
        command.write_text(
            f"""#!/bin/bash
codes=({turns})
before=$(wc -l <{calls})
echo "$*" >>{calls}
code=${{codes[before]:-{codes[-1]}}}
echo "Dataset shop"
((code == 0)) || echo "error: {TOO_OLD}" >&2
exit "$code"
"""
        )
        command.chmod(0o755)
        task = dags[FRESHNESS].get_task("freshness")
        monkeypatch.setattr(task, "command", [str(command), *task.command[1:]])
        return calls

    return make


def test_it_looks_every_hour(dags: Mapping[str, DAG]) -> None:
    clock = dags[FRESHNESS].timetable
    assert isinstance(clock, CronTriggerTimetable)
    assert clock.expression == "0 * * * *"


def test_it_asks_for_what_was_promised(run: Run, answer: Callable[..., Path]) -> None:
    calls = answer(0)
    assert states(run(FRESHNESS)) == {"freshness": "success"}
    assert calls.read_text() == "status --env local --dataset shop --max-age 1560m\n"


def test_lists_that_are_too_old_fail_it_at_once_and_loudly(
    run: Run, answer: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = answer(7)
    dag_run = run(FRESHNESS)
    assert states(dag_run) == {"freshness": "failed"}
    assert len(calls.read_text().splitlines()) == 1
    assert (
        f"{FRESHNESS}.freshness of {dag_run.run_id} failed: freshness found live lists that are older "
        f"than promised (exit code 7). {TOO_OLD}"
    ) in capsys.readouterr().out


def test_a_lake_that_cannot_be_read_is_looked_at_again(
    run: Run, answer: Callable[..., Path]
) -> None:
    calls = answer(1, 0)
    assert states(run(FRESHNESS)) == {"freshness": "success"}
    assert len(calls.read_text().splitlines()) == 2


def test_the_real_command_says_why_it_cannot_look(
    run: Run,
    dags: Mapping[str, DAG],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = dags[FRESHNESS].get_task("freshness")
    monkeypatch.setattr(task, "command", [*task.command, "--lake", str(tmp_path)])
    assert states(run(FRESHNESS)) == {"freshness": "failed"}
    assert "(exit code 2). There is no dataset in" in capsys.readouterr().out
