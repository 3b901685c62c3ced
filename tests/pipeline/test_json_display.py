from __future__ import annotations

import io
import json
from datetime import date

import pytest

from toplists.errors import ConflictError, GateRefusedError
from toplists.pipeline.json_display import open_json_narrator
from toplists.pipeline.log import Whereabouts
from toplists.pipeline.summary import MetricLine, RunSummary, StepSummary


class Told:
    """A narrator, and the lines that it wrote."""

    def __init__(self):
        self.out = io.StringIO()
        self.narrator = open_json_narrator(self.out, Whereabouts(dataset="films"))

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def picked(self, *names):
        return [tuple(line.get(name) for name in names) for line in self.lines]


@pytest.fixture
def told():
    return Told()


def test_a_step_begins_and_ends_under_its_name_and_run(told):
    told.narrator.about("run-1")
    with told.narrator.step(1, 2, "train") as step:
        step.detail("als")
        step.progress(1, 2, "blocks")  # for people only
        told.narrator.note("inside")
    told.narrator.note("outside")
    assert told.picked("step", "state", "message", "level") == [
        ("train", "running", "train begins", "INFO"),
        ("train", None, "inside", "INFO"),
        ("train", "done", "train: als", "INFO"),
        (None, None, "outside", "INFO"),
    ]
    assert {(line["dataset"], line["run_id"]) for line in told.lines} == {("films", "run-1")}
    assert told.lines[2]["seconds"] >= 0
    assert told.narrator.steps[0].verb == "train"


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [(GateRefusedError("worse"), "refused", 3), (ZeroDivisionError("x"), "failed", 1)],
)
def test_a_failure_says_in_which_step_why_and_the_exit_code(told, error, state, code):
    with pytest.raises(type(error)), told.narrator.step(1, 2, "evaluate"):
        raise error
    told.narrator.failure(error, None)
    ended, failure = told.lines[1:]
    assert (ended["state"], ended["level"]) == (state, "ERROR")
    assert (failure["step"], failure["exit_code"]) == ("evaluate", code)
    assert str(error) in failure["message"]


def test_a_warning_is_one(told):
    told.narrator.warning("few users")
    assert told.picked("level", "message") == [("WARNING", "few users")]


def test_the_summary_has_its_figures_as_fields(told):
    told.narrator.summary(
        RunSummary(
            dataset="films",
            run_id="run-1",
            as_of=date(2026, 3, 10),
            rows_in=10,
            rejected=1,
            users=3,
            items=4,
            model="als",
            metrics=[MetricLine("ndcg@10", 0.5, 0.25, None)],
            steps=[StepSummary("ingest", "", 1.5)],
            live="Live now: run-1.",
        )
    )
    [line] = told.lines
    assert (line["rows_in"], line["rejected"], line["users"], line["items"]) == (10, 1, 3, 4)
    assert line["metrics"] == {"ndcg@10": 0.5}
    assert line["seconds_per_step"] == {"ingest": 1.5}
    assert line["as_of"] == "2026-03-10"


def test_text_from_the_data_cannot_break_a_line(told):
    told.narrator.failure(ConflictError('two\nlines \x1b[2J "quoted"'), None)
    assert told.out.getvalue().count("\n") == 1
    assert "\x1b" not in told.out.getvalue()
    assert told.lines[0]["message"] == 'two\nlines \x1b[2J "quoted"'
