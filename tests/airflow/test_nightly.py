"""A night in Airflow, its jobs replaced by a `spark-submit` that ends as it is told to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from conftest import HOME, ROOT, Recorder, Run, states
from fake_submit import METRICS, RUN_ID

from toplists.config.night import NIGHT
from toplists_airflow.verb_operator import VerbOperator

if TYPE_CHECKING:
    from airflow.sdk import DAG

NIGHTLY = "toplists_nightly"


@pytest.fixture
def when(request: pytest.FixtureRequest) -> dict[str, datetime]:
    """A day of its own for each test: a run of Airflow is known by its time."""
    day = sum(request.node.name.encode()) % 28 + 1
    moment = datetime(2026, 10, day, 3, 0, len(request.node.name) % 60, tzinfo=UTC)
    return {"logical_date": moment, "run_after": moment}


def events(run_id: str) -> list[dict[str, Any]]:
    """Metadata of the asset's events of a run."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(AssetEvent).filter_by(source_run_id=run_id).all()
        return [dict(one.extra) for one in found]


def test_verbs_run_in_order_for_one_run(
    run: Run, submit: Recorder, when: dict[str, datetime]
) -> None:
    dag_run = run(NIGHTLY, **when)
    assert states(dag_run) == dict.fromkeys([*NIGHT, "complete"], "success")
    assert submit.verbs() == list(NIGHT)
    own = [call[call.index("--run-id") + 1] for call in submit.calls() if "--run-id" in call]
    assert own == [RUN_ID] * 4  # train, recommend, evaluate, publish
    prepare = submit.calls()[1]
    assert prepare[prepare.index("--as-of") + 1] == f"{when['logical_date']:%Y-%m-%d}"


def test_publish_tells_what_is_live(run: Run, submit: Recorder, when: dict[str, datetime]) -> None:
    dag_run = run(NIGHTLY, **when)
    (event,) = events(dag_run.run_id)
    assert event["run_id"] == RUN_ID
    assert event["rows"] == {"users": 30, "items": 100}
    assert event["metrics"] == METRICS


@pytest.mark.parametrize("code", [2, 3, 5])
def test_what_running_again_does_not_cure_fails_at_once(
    run: Run, submit: Recorder, when: dict[str, datetime], code: int
) -> None:
    submit.will_end(evaluate=[code])
    dag_run = run(NIGHTLY, **when)
    assert submit.verbs() == ["ingest", "prepare", "train", "recommend", "evaluate"]
    found = states(dag_run)
    assert found["evaluate"] == "failed"
    assert found["publish"] == found["complete"] == "upstream_failed"
    assert events(dag_run.run_id) == []


@pytest.mark.parametrize("ending", [1, 4, 6, "SIGKILL"])
def test_the_rest_is_tried_again(
    run: Run, submit: Recorder, when: dict[str, datetime], ending: int | str
) -> None:
    submit.will_end(train=[ending, 0])
    dag_run = run(NIGHTLY, **when)
    assert set(states(dag_run).values()) == {"success"}
    assert submit.verbs() == ["ingest", "prepare", "train", *NIGHT[2:]]


def test_it_is_given_up_after_the_last_retry(
    run: Run, submit: Recorder, when: dict[str, datetime]
) -> None:
    submit.will_end(ingest=[1])
    dag_run = run(NIGHTLY, **when)
    assert submit.verbs() == ["ingest"] * 3
    assert states(dag_run)["ingest"] == "failed"


def test_a_night_that_is_not_published_ends_well(
    run: Run, submit: Recorder, when: dict[str, datetime]
) -> None:
    dag_run = run(NIGHTLY, {"no_publish": True}, **when)
    assert submit.verbs() == list(NIGHT[:5])
    found = states(dag_run)
    assert (found["publish"], found["export"], found["complete"]) == (
        "skipped",
        "skipped",
        "success",
    )
    assert events(dag_run.run_id) == []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a server is told, to whose address the connection `alerts` leads."""
    found: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook-0815"
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", json.dumps({"conn_type": "http", "password": url}))
    yield found
    server.shutdown()


def test_somebody_is_told_of_a_failure_and_why(
    run: Run, submit: Recorder, when: dict[str, datetime], told: list[dict[str, Any]]
) -> None:
    submit.will_end(evaluate=[3])
    dag_run = run(NIGHTLY, **when)
    (failure,) = told
    assert (failure["dag"], failure["task"]) == (NIGHTLY, "evaluate")
    assert failure["run"] == dag_run.run_id
    assert failure["reason"] == (
        "evaluate was refused by the gate; what was live stays live (exit code 3). ndcg@10 fell"
    )


def test_an_alert_that_reaches_nobody_fails_nothing_else(
    run: Run, submit: Recorder, when: dict[str, datetime]
) -> None:
    submit.will_end(ingest=[5])
    found = states(run(NIGHTLY, **when))  # there is no connection `alerts`
    assert found["ingest"] == "failed"


def test_a_worker_without_spark_says_what_to_do(
    run: Run, when: dict[str, datetime], monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert states(run(NIGHTLY, **when))["ingest"] == "failed"
    (failure,) = told
    assert "There is no spark-submit on the PATH of this worker" in failure["reason"]
    assert "/.venv/spark/bin" in failure["reason"]


def test_relative_paths_of_the_settings_mean_the_checkout(
    run: Run, submit: Recorder, when: dict[str, datetime]
) -> None:
    dag_run = run(NIGHTLY, **when)
    results = HOME / "logs" / "airflow" / NIGHTLY / dag_run.run_id
    assert json.loads((results / "train.json").read_text())["folder"] == str(ROOT)


def test_a_run_that_took_too_long_is_told_once(
    dags: Mapping[str, DAG], told: list[dict[str, Any]]
) -> None:
    alert = dags[NIGHTLY].on_failure_callback
    for reason in ("task_failure", "timed_out"):  # of the first its task has told already
        alert.notify({"dag": dags[NIGHTLY], "run_id": "manual__1", "reason": reason})
    (overdue,) = told
    assert (overdue["event"], overdue["dag"], overdue["run"]) == ("overdue", NIGHTLY, "manual__1")


def test_a_publication_elsewhere_is_no_event(dags: Mapping[str, DAG]) -> None:
    publish = dags[NIGHTLY].get_task("publish").prepare_for_execution()
    publish.conclude({"params": {"environment": "staging"}}, {})
    assert publish.outlets == []
    assert isinstance(publish, VerbOperator)


def test_a_run_that_is_not_live_is_no_event(dags: Mapping[str, DAG]) -> None:
    publish = dags[NIGHTLY].get_task("publish").prepare_for_execution()
    facts = {"run_id": RUN_ID, "live": {"run_id": "2026-11-25-89abcdef"}}  # publish --if-newest
    publish.conclude({"params": {"environment": "local"}}, facts)
    assert publish.outlets == []
