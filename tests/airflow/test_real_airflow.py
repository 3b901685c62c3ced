"""A night in a whole Airflow, as try.sh starts it: scheduler, real jobs, Delta tables, a consumer."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import HERE, ROOT

from try_night import Client

pytestmark = pytest.mark.long

SECONDS = 540.0
DATASET = "sample-movielens"


def wait_for(found: Callable[[], bool], what: str) -> None:
    last = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < last, what
        time.sleep(0.5)


def start(home: Path, *options: str) -> subprocess.Popen[bytes]:
    """try.sh with its output in a file."""
    command = [ROOT / "airflow_dags" / "try.sh", "--home", home, *options]
    with (home / "output").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)


def left_over(home: Path) -> list[str]:
    """Processes of the Airflow in a folder that live."""
    mine = f"AIRFLOW_HOME={home}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mine in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a night has ended and Airflow still runs; all of it ends when it is told to."""
    home = tmp_path_factory.mktemp("airflow").resolve()
    process = start(home, "--dags", str(HERE / "consumer"))
    try:
        wait_for(
            lambda: "until Ctrl-C" in (home / "output").read_text() or process.poll() is not None,
            "the night did not end",
        )
        assert process.poll() is None, (home / "output").read_text()
        yield home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60.0)
    assert left_over(home) == []


def live(home: Path) -> str:
    """The run that is live."""
    return str(json.loads((home / "lake" / DATASET / "current.json").read_text())["run_id"])


def test_the_night_publishes(home: Path) -> None:
    output = (home / "output").read_text()
    assert "The night: success" in output
    assert live(home) in output  # ./toplists status


def test_a_consumer_begins_and_is_told_what_was_published(home: Path) -> None:
    wait_for((home / "seen.json").exists, "the consumer did not run")
    wait_for(lambda: bool((home / "seen.json").read_text()), "the consumer noted nothing")
    seen = json.loads((home / "seen.json").read_text())
    assert seen["run_id"] == live(home)
    assert seen["rows"]["users"] == 30
    assert "ndcg@10" in seen["metrics"]


def run_to_its_end(home: Path, dag_id: str) -> tuple[str, str]:
    """Trigger a DAG; returns how the run ended, and the logs of its tasks."""
    found = re.search(r"The UI: (\S+) .*password (\S+)", (home / "output").read_text())
    assert found is not None
    client = Client(found[1])
    client.log_in(found[2])
    path = f"/api/v2/dags/{dag_id}"
    client.ask("PATCH", f"{path}?update_mask=is_paused", {"is_paused": False})
    run = client.ask("POST", f"{path}/dagRuns", {"logical_date": None})["dag_run_id"]
    state = ""

    def has_ended() -> bool:
        nonlocal state
        state = str(client.ask("GET", f"{path}/dagRuns/{run}")["state"])
        return state in ("success", "failed")

    wait_for(has_ended, f"{dag_id} did not end")
    logs = (home / "logs").glob(f"dag_id={dag_id}/run_id={run}/**/*.log")
    return state, "".join(log.read_text() for log in logs)


def test_maintenance_looks_and_works(home: Path) -> None:
    before = live(home)
    state, logs = run_to_its_end(home, "toplists_maintenance")
    assert state == "success"
    assert "Nothing was changed (--dry-run)" in logs
    assert live(home) == before


def test_lists_are_fresh_until_they_are_older_than_promised(home: Path) -> None:
    state, _ = run_to_its_end(home, "toplists_freshness")
    assert state == "success"
    with (home / "conf" / "local.yaml").open("a") as settings:
        settings.write("  max_age_hours: 0.01\n")  # of the group airflow, the last one
    published = datetime.fromisoformat(
        json.loads((home / "lake" / DATASET / "current.json").read_text())["published_at"]
    )
    wait_for(lambda: datetime.now(UTC) - published > timedelta(minutes=1, seconds=1), "it is fresh")
    state, logs = run_to_its_end(home, "toplists_freshness")
    assert state == "failed"
    assert f"The live lists of dataset {DATASET} are too old: published" in logs
    assert "toplists_freshness.freshness of manual__" in logs  # the alert


def test_the_same_folder_is_not_used_twice(home: Path) -> None:
    second = subprocess.run(
        [ROOT / "airflow_dags" / "try.sh", "--home", home], capture_output=True, text=True
    )
    assert second.returncode == 2
    assert "runs in" in second.stderr


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="processes are looked for in /proc")
def test_a_night_that_fails_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    settings = f"lake: {{root: {tmp_path}/lake}}\nairflow: {{source: 'csv:/nowhere/events.csv'}}\n"
    (tmp_path / "conf" / "local.yaml").write_text(settings)
    process = start(tmp_path, "--once")
    try:
        assert process.wait(timeout=SECONDS) == 1
    finally:
        process.terminate()
    output = (tmp_path / "output").read_text()
    assert "ingest     failed" in output
    assert "/nowhere/events.csv" in output
    assert left_over(tmp_path.resolve()) == []
