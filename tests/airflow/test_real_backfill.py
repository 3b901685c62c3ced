"""Both backfills in a whole Airflow, as try.sh starts it: Airflow's own, and `toplists_backfill`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_real_airflow import left_over, live, start, wait_for

from try_night import PASSWORDS, USER, Client

pytestmark = pytest.mark.long

NIGHTLY, BACKFILL = "toplists_nightly", "toplists_backfill"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class World:
    """An Airflow in which a night has ended."""

    home: Path
    client: Client

    def runs(self, dag_id: str, kind: str = "") -> list[dict[str, Any]]:
        """The runs of a DAG whose id begins so, in the order in which they began."""
        found = self.client.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=50")["dag_runs"]
        chosen = [run for run in found if run["dag_run_id"].startswith(kind)]
        return sorted(chosen, key=lambda run: run["start_date"] or "9")

    def wait(self, dag_id: str, kind: str, count: int) -> list[dict[str, Any]]:
        """The same, once there are so many and each has ended."""

        def ended() -> bool:
            runs = self.runs(dag_id, kind)
            assert "failed" not in [run["state"] for run in runs], runs
            return [run["state"] for run in runs] == ["success"] * count

        wait_for(ended, f"not {count} runs of {dag_id} have ended")
        return self.runs(dag_id, kind)

    def outcome(self, dag_id: str, run_id: str, task: str) -> dict[str, Any]:
        """What a job has left in its result file."""
        path = self.home / "logs" / "jobs" / "airflow" / dag_id / run_id / f"{task}.json"
        return dict(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("airflow").resolve()
    (home / "conf").mkdir()
    # By the clock: Airflow's backfill makes up for what a schedule has missed.
    settings = {"lake": {"root": str(home / "lake")}, "airflow": {"cron": "0 3 * * *"}}
    (home / "conf" / "local.yaml").write_text(json.dumps(settings))
    process = start(home)
    output = home / "output"
    try:
        wait_for(
            lambda: "until Ctrl-C" in output.read_text() or process.poll() is not None,
            "the night did not end",
        )
        assert process.poll() is None, output.read_text()
        (url,) = re.findall(r"The UI: (\S+)", output.read_text())
        client = Client(url)
        client.log_in(json.loads((home / PASSWORDS).read_text())[USER])
        yield World(home, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60.0)
    assert left_over(home) == []


def test_airflows_own_leaves_what_is_newer_live(world: World) -> None:
    before = live(world.home)
    days = [TODAY - timedelta(days=ago) for ago in (3, 2)]
    first, last = (f"{day:%Y-%m-%dT03:00:00+00:00}" for day in days)
    range_ = ["--from-date", first, "--to-date", last]
    airflow = ROOT / ".venv-airflow" / "bin" / "airflow"
    subprocess.run(
        [airflow, "backfill", "create", "--dag-id", NIGHTLY, "--max-active-runs", "1", *range_],
        env=os.environ | {"AIRFLOW_HOME": str(world.home)},
        check=True,
    )
    runs = world.wait(NIGHTLY, "backfill__", count=2)
    published = [world.outcome(NIGHTLY, run["dag_run_id"], "publish") for run in runs]
    assert [one["run_id"][:10] for one in published] == [f"{day:%Y-%m-%d}" for day in days]
    assert {one["live"]["run_id"] for one in published} == {before}
    assert live(world.home) == before
    assert len(world.client.ask("GET", "/api/v2/assets/events")["asset_events"]) == len(
        [run for run in world.runs(NIGHTLY) if not run["dag_run_id"].startswith("backfill__")]
    )


def test_days_follow_one_another(world: World) -> None:
    before = live(world.home)
    days = [f"{TODAY - timedelta(days=ago):%Y-%m-%d}" for ago in (6, 5)]
    path = f"/api/v2/dags/{BACKFILL}"
    world.client.ask("PATCH", f"{path}?update_mask=is_paused", {"is_paused": False})
    conf = {"first_day": days[0], "last_day": days[1], "dry_run": False}
    run = world.client.ask(
        "POST", f"{path}/dagRuns", {"dag_run_id": "mine", "logical_date": None, "conf": conf}
    )
    runs = world.wait(BACKFILL, run["dag_run_id"], count=2)
    assert [one["dag_run_id"] for one in runs] == ["mine", f"mine.{days[1]}"]
    computed = [world.outcome(BACKFILL, one["dag_run_id"], "evaluate") for one in runs]
    assert [one["run_id"][:10] for one in computed] == days
    assert live(world.home) == before
