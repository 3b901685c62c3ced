"""A standalone cluster on this machine: a master, and workers of one core."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import ROOT

_UP_SECONDS = 120


@contextmanager
def cluster(folder: Path, *, workers: int, memory: str) -> Iterator[str]:
    """The URL of a running cluster's master."""
    folder.mkdir(parents=True, exist_ok=True)
    port, web = _free_port(), _free_port()
    url = f"spark://127.0.0.1:{port}"
    address = ["--host", "127.0.0.1", "--webui-port"]
    started = [_start(folder, "master.Master", *address, str(web), "--port", str(port))]
    try:
        for number in range(workers):
            size = ["--cores", "1", "--memory", memory]
            work = ["--work-dir", str(folder / f"worker-{number}"), url]
            started.append(_start(folder, "worker.Worker", *address, "0", *size, *work))
        deadline = time.monotonic() + _UP_SECONDS
        while _alive(web) < workers:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the cluster is not up: see {folder}/daemons.log")
            time.sleep(0.2)
        yield url
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def _start(folder: Path, role: str, *arguments: str) -> subprocess.Popen[bytes]:
    spark = ROOT / ".venv" / "spark"
    with (folder / "daemons.log").open("ab") as log:
        return subprocess.Popen(
            [spark / "bin/spark-class", f"org.apache.spark.deploy.{role}", *arguments],
            env={**os.environ, "SPARK_HOME": str(spark), "SPARK_DAEMON_MEMORY": "256m"},
            stdout=log,
            stderr=log,
        )


def _alive(web: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except (OSError, ValueError):  # not up yet, or its pages are not
        return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
