"""What a job leaves for those who watch, however it ends. The work is a stand-in: no JVM."""

from __future__ import annotations

import json
import platform
import socket
from datetime import UTC, datetime
from shutil import copytree

import pytest
from exposition import parse

from toplists.errors import ConflictError, GateRefusedError
from toplists.lake.bookkeeping import append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.lease import hold_lease
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import METRICS, RUNS
from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.recording import record

RUN = Run("2026-03-10-11111111", datetime(2026, 3, 10, tzinfo=UTC).date(), "{}", "{}", "", "")
LOAD = Run("load-1", None, "{}", "{}", "", "")


@pytest.fixture
def lake(tmp_path, no_rows):
    copytree(no_rows, tmp_path / "lake" / "films")
    return tmp_path / "lake"


@pytest.fixture
def submit(lake, tmp_path, monkeypatch):
    """Runs `nightly ARGUMENTS` with some work; returns the exit code and the result file."""
    monkeypatch.delenv("TOPLISTS_LOG", raising=False)
    monkeypatch.setattr("toplists.pipeline.command.end_with_parent", lambda: None)

    def run(work, *arguments, dataset="films"):
        result = tmp_path / "result.json"
        where = ("--dataset", dataset, "--set", f"lake.root={lake}", "--result-file", str(result))
        parser = job_parser("nightly", "A stand-in.")
        code = run_job(parser, work, [*where, *arguments])
        return code, json.loads(result.read_text()) if result.exists() else None

    return run


def night(place, narrator, arguments):
    """As a night writes its ledger."""
    with narrator.step(1, 2, "ingest"):
        record(place.ledger, LOAD, "ingest", lambda: Outcome("", {}, 100, 97, 3))
    narrator.about(RUN.run_id)
    record(
        place.ledger,
        RUN,
        "prepare",
        lambda: Outcome("", {"eligible": 60, "trained_items": 40}, 97, 97),
    )
    append_rows(place.dataset, METRICS, [figure("als", 0.5), figure("popularity", 0.25)])
    with narrator.step(2, 2, "evaluate"):
        verdict = {"passed": True, "reasons": []}
        facts = {"candidate": "als", "verdict": verdict}
        record(place.ledger, RUN, "evaluate", lambda: Outcome("", facts, 97, 97))


def figure(subject, value):
    return {
        "run_id": RUN.run_id,
        "subject": subject,
        "protocol": "last",
        "metric": "ndcg@10",
        "versus": "",
        "value": value,
        "low": float("nan"),
        "high": None,
        "users": 60,
    }


def refuse(place, narrator, arguments):
    narrator.about(RUN.run_id)
    with narrator.step(1, 1, "evaluate"):
        raise GateRefusedError("worse than popularity")


def break_down(place, narrator, arguments):
    raise ZeroDivisionError("in the kernel")


def test_a_night_leaves_its_figures(submit):
    code, result = submit(night)
    assert code == 0
    seconds = result.pop("steps")
    assert list(seconds) == ["ingest", "evaluate"]
    assert all(value >= 0 for value in seconds.values())
    assert result["seconds"] >= sum(seconds.values())
    assert datetime.fromisoformat(result["began"]) <= datetime.fromisoformat(result["ended"])
    wanted = {
        "verb": "nightly",
        "event": "success",
        "dataset": "films",
        "run_id": RUN.run_id,
        "exit_code": 0,
        "reason": None,
        "verdict": "passed",
        "live": None,
        "rows_in": 100,
        "rejected": 3,
        "users": 60,
        "items": 40,
        "metrics": {"ndcg@10": {"als": 0.5, "popularity": 0.25}},
    }
    assert {name: result[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("work", "code", "event", "reason"),
    [
        (refuse, 3, "refusal", "worse than popularity"),
        (
            break_down,
            1,
            "failure",
            "Something unforeseen happened: ZeroDivisionError: in the kernel",
        ),
    ],
)
def test_a_night_that_ends_early_says_why(submit, work, code, event, reason):
    exit_code, result = submit(work)
    assert exit_code == result["exit_code"] == code
    assert (result["event"], result["reason"]) == (event, reason)


def test_what_another_process_does_is_not_claimed(submit, lake):
    with hold_lease(Dataset(lake / "films"), "another"):
        code, result = submit(night)
    assert (code, result["exit_code"], result["run_id"]) == (4, 4, None)
    assert result["rows_in"] is None


def test_a_conflict_later_on_is_no_different(submit):
    def work(place, narrator, arguments):
        night(place, narrator, arguments)
        raise ConflictError("moved")

    code, result = submit(work)
    assert (code, result["rows_in"], result["users"]) == (4, None, 60)


def test_a_setting_that_cannot_be_followed_is_in_the_result_too(submit):
    code, result = submit(night, "--set", "model.als.ranks=3")
    assert code == result["exit_code"] == 2
    assert "model.als.rank" in result["reason"]
    assert result["dataset"] is None


def test_an_earlier_result_is_gone_while_a_night_runs(submit, tmp_path):
    seen = []
    submit(night)
    submit(lambda *_: seen.append((tmp_path / "result.json").exists()))
    assert seen == [False]


def test_a_result_that_cannot_be_written_is_refused_before_the_work(submit, capsys):
    code, _ = submit(lambda *_: pytest.fail("worked"), "--result-file", "/no/such/folder/r.json")
    assert code == 2
    assert "there is no folder /no/such/folder" in " ".join(capsys.readouterr().err.split())


def test_a_dataset_that_was_never_begun_is_not_made(submit, lake):
    code, result = submit(night, dataset="flims")
    assert (code, result["event"]) == (2, "failure")
    assert not (lake / "flims").exists()


def test_prometheus_is_told(submit, tmp_path):
    target = f"watch.prometheus_file={tmp_path}/{{dataset}}.prom"
    submit(night, "--set", target)
    submit(break_down, "--set", target)
    metrics = parse((tmp_path / "films.prom").read_text())
    of_night = frozenset({("dataset", "films"), ("verb", "nightly")})
    assert metrics["toplists_exit_code"].values == {of_night: 1}
    assert of_night in metrics["toplists_last_success_timestamp_seconds"].values


@pytest.mark.parametrize(
    "watch",
    [
        "watch.prometheus_file=/no/such/folder/a.prom",
        "watch.webhook=env:NO_SUCH_VARIABLE",
        "watch.webhook=hunter2",
    ],
)
def test_a_watcher_that_cannot_be_told_is_a_warning_only(submit, watch, capsys):
    code, result = submit(night, "--set", watch)
    assert code == result["exit_code"] == 0
    said = capsys.readouterr()
    assert said.out.count("warning: ") == 1
    assert "hunter2" not in said.out + said.err


def test_a_strange_file_among_the_outcomes_is_a_warning_only(submit, lake, capsys):
    (lake / "films" / "outcomes").mkdir()
    (lake / "films" / "outcomes" / "other.json").write_text("[1]")
    assert submit(night)[0] == 0
    assert "The figures for monitoring were not written" in capsys.readouterr().out


def test_figures_that_cannot_be_read_are_a_warning_only(submit, monkeypatch, capsys):
    monkeypatch.setattr("toplists.pipeline.command.add_figures", break_down)
    code, result = submit(night)
    assert (code, result["event"], result["users"]) == (0, "success", None)
    assert "could not be read" in capsys.readouterr().out


def test_the_narration_may_be_json(submit, capsys):
    submit(refuse, "--log-format", "json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"].partition(":")[0] for line in lines] == [
        "evaluate begins",
        "evaluate",
        "worse than popularity",
    ]
    assert {(line["dataset"], line["run_id"]) for line in lines} == {("films", RUN.run_id)}


def test_the_ledger_keeps_what_each_attempt_ran_on(submit, lake):
    submit(night)
    rows = read_rows(Dataset(lake / "films"), RUNS, run_id=RUN.run_id)
    kept = [json.loads(row["facts"])["surroundings"] for row in rows if row["state"] == "running"]
    assert len(kept) == 2
    assert kept[0]["python"] == platform.python_version()
    assert kept[0]["cores"] >= 1
    assert kept[0]["memory_gib"] > 0
    # No path and no name of a machine, which may be nobody's business.
    assert str(lake) not in str(kept)
    assert "/" not in str(kept)
    assert socket.gethostname() not in kept[0].values()


def test_settings_travel_to_a_driver_without_a_checkout(submit, lake, tmp_path, monkeypatch):
    conf = tmp_path / "sent"
    conf.mkdir()
    (conf / "base.yaml").write_text("model:\n  seed: 7\n")
    (conf / "prod.yaml").write_text("recommend:\n  n: 3\n")
    monkeypatch.setenv("TOPLISTS_CONF", str(conf))
    seen = []
    code, _ = submit(lambda place, *_: seen.append(place.settings), "--env", "prod")
    assert code == 0
    assert (seen[0].model.seed, seen[0].recommend.n) == (7, 3)
