from __future__ import annotations

from datetime import UTC, datetime, timedelta

from toplists.lake.attempts import last_runs

BEGAN = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


def row(run_id, step, state, minute, *, attempt=1, seconds=None, reason=None):
    return {
        "run_id": run_id,
        "step": step,
        "state": state,
        "attempt": attempt,
        "seconds": seconds,
        "reason": reason,
        "at": BEGAN + timedelta(minutes=minute),
    }


def test_no_ledger_no_runs():
    assert last_runs([], 5) == []


def test_the_end_of_an_attempt_counts_over_its_beginning_in_any_row_order():
    rows = [row("a", "train", "done", 1, seconds=60.0), row("a", "train", "running", 0)]
    for ordered in (rows, rows[::-1]):
        [run] = last_runs(ordered, 5)
        assert [(step.step, step.state, step.seconds) for step in run.steps] == [
            ("train", "done", 60.0)
        ]


def test_an_end_written_in_the_same_instant_counts_too():
    rows = [row("a", "train", "done", 0, seconds=0.0), row("a", "train", "running", 0)]
    assert last_runs(rows, 5)[0].last.state == "done"


def test_an_attempt_without_an_end_is_running():
    rows = [
        row("a", "prepare", "done", 0, seconds=1.0),
        row("a", "train", "failed", 1, seconds=2.0, reason="no room"),
        row("a", "train", "running", 5, attempt=2),  # killed, or still at it
    ]
    [run] = last_runs(rows, 5)
    assert (run.last.step, run.last.state, run.last.reason) == ("train", "running", None)
    assert run.seconds == 1.0


def test_only_the_last_attempt_at_a_step_counts():
    rows = [
        row("a", "train", "failed", 1, seconds=9.0, reason="no room"),
        row("a", "train", "done", 5, attempt=2, seconds=2.0),
    ]
    [run] = last_runs(rows, 5)
    assert [(step.state, step.reason) for step in run.steps] == [("done", None)]


def test_attempt_ten_comes_after_attempt_nine():
    rows = [row("a", "train", "failed", n, attempt=n) for n in range(1, 10)]
    rows.append(row("a", "train", "done", 10, attempt=10))
    assert last_runs(rows, 5)[0].last.state == "done"


def test_runs_worked_on_last_come_first_and_no_more_than_asked_for():
    rows = [
        row("a", "prepare", "done", 0),
        row("b", "prepare", "done", 1),
        row("c", "prepare", "done", 2),
        row("a", "publish", "done", 3),  # resumed after the others
    ]
    assert [run.run_id for run in last_runs(rows, 2)] == ["a", "c"]
