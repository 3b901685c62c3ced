"""Airflow in a folder of its own, with the DAGs of the checkout and a `spark-submit` that runs no job."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_submit import verb_of

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

# Airflow reads these when it is imported, which is before any fixture.
HOME = Path(tempfile.mkdtemp(prefix="toplists-airflow-"))
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow_dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[*]"}',
    "TOPLISTS_CONF": str(HOME / "conf"),
    "TOPLISTS_LOGS": str(HOME / "logs"),
}
os.environ.pop("TOPLISTS_ENV", None)

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

SETTINGS = """\
airflow:
  source: csv:/data/shop/current
  dataset: shop
  retries: 2
  retry_minutes: 0.0001
  alert_connection: alerts
publish:
  stores:
    - {name: files, kind: files, address: "files:/srv/lists"}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the stored commands anew")


def pytest_sessionstart() -> None:
    (HOME / "conf").mkdir()
    shutil.copy(ROOT / "conf" / "base.yaml", HOME / "conf")
    (HOME / "conf" / "local.yaml").write_text(SETTINGS)


def pytest_sessionfinish() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's tables."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def bag() -> BundleDagBag:
    """The files of the checkout's DAGs, as they were read."""
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = ROOT / "airflow_dags"
    return BundleDagBag(folder, bundle_path=folder)


@pytest.fixture(scope="session")
def dags(bag: BundleDagBag) -> Mapping[str, DAG]:
    """The DAGs of the checkout."""
    assert not bag.import_errors
    return bag.dags


@dataclass
class Recorder:
    """The fake `spark-submit`: how it was called, and how it will end."""

    path: Path
    monkeypatch: pytest.MonkeyPatch

    def will_end(self, **endings: Sequence[int | str]) -> None:
        """How the calls of a verb end, in turn; the last one ever after."""
        self.monkeypatch.setenv("FAKE_ENDINGS", json.dumps(endings))

    def calls(self) -> list[list[str]]:
        """The arguments of each call."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def verbs(self) -> list[str]:
        """The verb of each call."""
        return [verb_of(call) for call in self.calls()]


@pytest.fixture
def submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The fake, first on the PATH."""
    binary = tmp_path / "bin" / "spark-submit"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "fake_submit.py"} "$@"\n')
    binary.chmod(0o755)
    calls = tmp_path / "calls.jsonl"
    calls.touch()
    monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_CALLS", str(calls))
    return Recorder(calls, monkeypatch)


Run = Callable[..., "DagRun"]


@pytest.fixture
def run(database: None, dags: Mapping[str, DAG], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a DAG to its end, task by task, in this process."""
    # Between one look and the next at what may be run, it waits a second, also where states only spread.
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.02)))

    def run_to_the_end(dag_id: str, conf: Mapping[str, Any] | None = None, **when: Any) -> DagRun:
        # Within one process a run's configuration would stay in the parameters of DAG and tasks.
        dag = dags[dag_id]
        params = [one for holder in (dag, *dag.tasks) for one in holder.params.values()]
        kept = [(param, param.value) for param in params]
        try:
            return dag.test(run_conf=dict(conf or {}), **when)
        finally:
            for param, value in kept:
                param.value = value

    return run_to_the_end


def states(dag_run: DagRun) -> dict[str, str]:
    """The state of each task."""
    return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
