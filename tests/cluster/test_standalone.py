"""A night on a real standalone cluster: a master and two workers of one core on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hdfs_server import Hdfs
from operators import ROOT, Operator
from worlds import assert_identical

from toplists.reader.delta import open_delta

pytestmark = [pytest.mark.long, pytest.mark.e2e]

SPARK = Path(sys.prefix) / "spark"
DATASET = "sample-movielens"
UP_SECONDS = 120


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    url: str
    web: str
    folder: Path

    @property
    def workers(self) -> int:
        """How many workers the master knows."""
        try:
            with urllib.request.urlopen(f"{self.web}/json/", timeout=5) as answer:
                return int(json.load(answer)["aliveworkers"])
        except OSError:  # not up yet
            return 0

    def executors(self, worker: int) -> list[Path]:
        """Folders of the executors that a worker started."""
        return list((self.folder / f"worker-{worker}").glob("app-*/*"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    port, web = free_port(), free_port()
    cluster = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{web}", folder)
    address = ["--host", "127.0.0.1", "--webui-port"]
    started = [start(folder, "master.Master", *address, str(web), "--port", str(port))]
    try:
        for number in range(2):
            one_core = ["--cores", "1", "--memory", "1g"]
            work = ["--work-dir", str(folder / f"worker-{number}"), cluster.url]
            started.append(start(folder, "worker.Worker", *address, "0", *one_core, *work))
        deadline = time.monotonic() + UP_SECONDS
        while cluster.workers < 2:
            assert all(process.poll() is None for process in started), logs(folder)
            assert time.monotonic() < deadline, logs(folder)
            time.sleep(0.2)
        yield cluster
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def start(folder: Path, role: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / "daemons.log").open("ab") as log:
        return subprocess.Popen(
            [SPARK / "bin/spark-class", f"org.apache.spark.deploy.{role}", *arguments],
            env={**os.environ, "SPARK_HOME": str(SPARK), "SPARK_DAEMON_MEMORY": "256m"},
            stdout=log,
            stderr=log,
        )


def logs(folder: Path) -> str:
    return (folder / "daemons.log").read_text(errors="replace")[-4000:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The same night under `local[2]`."""
    operator = Operator(tmp_path_factory.mktemp("local") / "lake")
    night = operator.submit("nightly")
    assert night.returncode == 0, night.stdout + night.stderr
    return operator


def lists(operator: Operator) -> dict[str, list[tuple[str, float, str]]]:
    live = open_delta(operator.lake / DATASET).publication()
    assert live is not None
    of_run = operator.recommendations(DATASET, live.run_id)
    return {user: [(item, score, "") for item, score in items] for user, items in of_run.items()}


def from_checkout(folder: Path) -> list[str]:
    """Executors run from the driver's checkout, which they see under the same path."""
    return []


def from_package(folder: Path) -> list[str]:
    """Executors run from the archive of the environment, and see no checkout."""
    subprocess.run([ROOT / "spark-submit.sh", "--package", folder], check=True, timeout=300)
    (archive,) = folder.glob("*-environment.tar.gz")
    settings = {
        "spark.archives": f"{archive}#environment",
        "spark.pyspark.python": "./environment/bin/python",
        "spark.pyspark.driver.python": sys.executable,
        "spark.executorEnv.PYTHONPATH": "/no/checkout",
    }
    return [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]


def through_a_storage(folder: Path) -> list[str]:
    """Each worker copies what the other wrote from a storage that is not the lake's folder."""
    return ["--set", f"engine.exchange={folder.as_uri()}"]


@pytest.mark.parametrize("executors", [from_checkout, from_package, through_a_storage])
def test_a_cluster_publishes_the_lists_of_one_machine(
    cluster: Cluster, on_one_machine: Operator, tmp_path: Path, executors
) -> None:
    assert_published_alike(cluster, on_one_machine, tmp_path, executors(tmp_path / "dist"))


def test_workers_exchange_through_hdfs(
    cluster: Cluster, on_one_machine: Operator, tmp_path: Path, hdfs: Hdfs, hdfs_folder: str
) -> None:
    given = ["--set", f"engine.exchange={hdfs_folder}"]
    # The workers started without them.
    for name, value in hdfs.environment.items():
        given += ["--conf", f"spark.executorEnv.{name}={value}"]
    assert_published_alike(cluster, on_one_machine, tmp_path, given)


def assert_published_alike(
    cluster: Cluster, on_one_machine: Operator, tmp_path: Path, given: list[str]
) -> None:
    before = [set(cluster.executors(worker)) for worker in range(2)]
    operator = Operator(tmp_path / "lake")
    night = operator.submit(
        "nightly",
        *("--master", cluster.url, "--conf", "spark.executor.memory=768m"),
        *("--result-file", str(tmp_path / "result.json")),
        # In tasks of both workers, which hand vectors to one another.
        *("--set", "engine.single_task_entries=0", "--set", "engine.block_entries=200"),
        *given,
    )
    assert night.returncode == 0, night.stdout + night.stderr
    assert night.stderr == ""
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "passed"
    # Both workers had their part in it.
    assert all(set(cluster.executors(worker)) - before[worker] for worker in range(2))
    assert_identical(lists(operator), lists(on_one_machine))
