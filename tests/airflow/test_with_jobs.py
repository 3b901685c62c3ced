"""The DAGs with real jobs on a small shop: what is killed, refused, cleared or made up for."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ROOT, Run, states
from test_backfill import triggered_by

from toplists_airflow.submission import submission

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="processes are looked for in /proc"),
]

NIGHTLY, BACKFILL = "toplists_nightly", "toplists_backfill"
LAST_WEEK, TODAY = date(2026, 1, 13), date(2026, 1, 20)
SETTINGS: dict[str, Any] = {
    "airflow": {"dataset": "shop"},
    "model": {"name": "als", "als": {"rank": 4, "iterations": 3, "regularization": 0.01}},
    "recommend": {"n": 6, "similar_n": 4},
    "gate": {"min_users": 20, "resamples": 200},
}
# Better than any model is.
UNREACHABLE = {"rule": "floor", "metric": "ndcg@10", "limit": 0.99}


def two_tastes() -> str:
    """A feed: even users like even items, odd users odd ones; each rates 12 of 40 from 1 to 12 January."""
    lines = ["user,item,rating,time"]
    for user in range(60):
        for k in range(12):
            item = (2 * ((user * 7 + k * 3) % 20) + user % 2) % 40
            rating = 5 if k % 4 else 2
            lines.append(f"u{user:02},i{item:02},{rating},2026-01-{1 + k:02}T00:00:{user:02}")
    return "\n".join(lines) + "\n"


@dataclass
class Shop:
    """A lake of its own, and the settings that its jobs read."""

    home: Path

    @property
    def dataset(self) -> Path:
        return self.home / "lake" / "shop"

    def configure(self, **changes: Any) -> None:
        """Write the settings, with whole groups replaced."""
        own = {"lake": {"root": str(self.home / "lake")}}
        airflow = SETTINGS["airflow"] | {"source": f"csv:{self.home}/feed.csv"}
        settings = SETTINGS | own | {"airflow": airflow} | changes
        (self.home / "conf" / "local.yaml").write_text(json.dumps(settings))  # JSON is YAML
        submission.cache_clear()

    def ask(self, *arguments: str) -> Any:
        """What `./toplists … --json` says."""
        command = [str(ROOT / "toplists"), *arguments, "--dataset", "shop", "--json"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    @property
    def live(self) -> str:
        """The run that readers see."""
        return str(json.loads((self.dataset / "current.json").read_text())["run_id"])

    @contextlib.contextmanager
    def written_by_another(self) -> Iterator[None]:
        """Hold the lease of the dataset, as a job does."""
        with (self.dataset / "lease.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    """What try.sh sets for the jobs: the real spark-submit, and how its JVM is started."""
    script = f'. "{ROOT}/conf/environment.sh"; ensure_spark runtime >&2; local_jvm_options 0'
    options = subprocess.run(
        ["bash", "-ec", script], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{ROOT}/.venv/spark/bin:{os.environ['PATH']}")
        patch.setenv("SPARK_SUBMIT_OPTS", options)
        yield


@pytest.fixture(scope="module")
def shop(environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    (shop.home / "conf").mkdir()
    shutil.copy(ROOT / "conf" / "base.yaml", shop.home / "conf")
    (shop.home / "feed.csv").write_text(two_tastes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOPLISTS_CONF", str(shop.home / "conf"))
        patch.setenv("TOPLISTS_LOGS", str(shop.home / "logs"))
        shop.configure()
        yield shop
    submission.cache_clear()


def at(day: date) -> dict[str, datetime]:
    """When the night of a day runs."""
    moment = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    return {"logical_date": moment, "run_after": moment}


def tries(dag_run: DagRun) -> Mapping[str, int]:
    """How often each task was tried."""
    return {ti.task_id: ti.try_number for ti in dag_run.get_task_instances()}


def spark_submit(job: str, home: Path) -> int | None:
    """The JVM that runs a job of the shop."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended, or is another user's
            continue
        is_jvm = "org.apache.spark.deploy.SparkSubmit" in words
        if is_jvm and f"{ROOT}/jobs/{job}" in words and any(str(home) in word for word in words):
            return int(process.name)
    return None


def kill_in_the_midst(job: str, home: Path) -> threading.Thread:
    """Kill a job as soon as it has begun to write a log: `kill -9`, as when a machine runs out of memory."""

    def watch() -> None:
        last = time.monotonic() + 300.0
        while time.monotonic() < last:
            if any(log.stat().st_size for log in home.rglob(f"{Path(job).stem}-1.log")):
                pid = spark_submit(job, home)
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def outcome(shop: Shop, dag_run: DagRun, task: str) -> dict[str, Any]:
    """What a job has left in its result file."""
    folder = shop.home / "logs" / "airflow" / dag_run.dag_id / dag_run.run_id
    return dict(json.loads((folder / f"{task}.json").read_text()))


@pytest.fixture(scope="module")
def nights(shop: Shop, database: None, dags: Mapping[str, Any]) -> list[str]:
    """The runs of last week and of today; the first was killed once while it trained."""
    killing = kill_in_the_midst("train.py", shop.home)
    week_ago = dags[NIGHTLY].test(**at(LAST_WEEK))
    killing.join(timeout=1.0)
    assert not killing.is_alive()
    assert tries(week_ago) == dict.fromkeys(states(week_ago), 1) | {"train": 2}
    assert week_ago.state == "success"
    first = shop.live
    today = dags[NIGHTLY].test(**at(TODAY))
    assert today.state == "success"
    return [first, shop.live]


def test_a_job_that_is_killed_goes_on_when_it_is_tried_again(shop: Shop, nights: list[str]) -> None:
    assert [run_id[:10] for run_id in nights] == [str(LAST_WEEK), str(TODAY)]
    findings = shop.ask("check", "--deep")["findings"]
    assert [one["name"] for one in findings if one["state"] == "broken"] == []


def test_clearing_the_run_of_last_week_leaves_readers_where_they_are(
    shop: Shop, nights: list[str], run: Run
) -> None:
    again = run(NIGHTLY, **at(LAST_WEEK))
    assert states(again)["publish"] == "failed"
    assert tries(again)["publish"] == 1
    assert outcome(shop, again, "publish")["run_id"] == nights[0]
    assert "older than what is live" in outcome(shop, again, "publish")["reason"]
    assert shop.live == nights[1]


def test_a_refused_run_fails_at_once_and_the_live_lists_stay(
    shop: Shop, nights: list[str], run: Run
) -> None:
    shop.configure(gate=SETTINGS["gate"] | {"rules": [UNREACHABLE]})
    try:
        refused = run(NIGHTLY, **at(date(2026, 1, 21)))
    finally:
        shop.configure()
    found = states(refused)
    assert (found["evaluate"], found["publish"]) == ("failed", "upstream_failed")
    assert tries(refused)["evaluate"] == 1
    assert outcome(shop, refused, "evaluate")["exit_code"] == 3
    assert shop.live == nights[1]


def test_a_backfill_stops_at_the_day_that_fails_and_goes_on_from_there(
    shop: Shop, nights: list[str], run: Run
) -> None:
    # The day before today, today, and two days that nothing newer is live of.
    conf = {
        "first_day": "2026-01-19",
        "last_day": "2026-01-22",
        "dry_run": False,
        "move_pointer": True,
    }
    older = run(BACKFILL, conf, **at(date(2026, 2, 1)))
    assert older.state == "success"
    assert states(older)["publish"] == "skipped"
    assert shop.live == nights[1]

    (following,) = triggered_by(older)
    assert following.conf["first_day"] == "2026-01-21"  # today's is live
    with shop.written_by_another():
        stopped = run(BACKFILL, following.conf, **at(date(2026, 2, 2)))
    assert (states(stopped)["plan"], states(stopped)["prepare"]) == ("success", "failed")
    assert tries(stopped)["prepare"] == 3
    assert outcome(shop, stopped, "prepare")["exit_code"] == 4
    assert triggered_by(stopped) == []
    assert shop.live == nights[1]

    cleared = run(BACKFILL, following.conf, **at(date(2026, 2, 2)))
    assert cleared.state == "success"
    assert shop.live.startswith("2026-01-21")
    (last,) = triggered_by(cleared)
    assert run(BACKFILL, last.conf, **at(date(2026, 2, 3))).state == "success"

    moves = shop.ask("history")["publications"]
    assert [one["as_of"] for one in moves] == [
        "2026-01-22",
        "2026-01-21",
        str(TODAY),
        str(LAST_WEEK),
    ]
    plan = shop.ask("backfill", conf["first_day"], conf["last_day"], "--move-pointer")
    standings = [day["standing"] for day in plan["days"]]
    assert standings == ["finished", "published", "published", "live"]
    assert not any(day["remaining"] for day in plan["days"])
