"""Running the commands of the checkout as an operator does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

ROOT = Path(__file__).resolve().parents[1]
_ENDLESS = 400


@dataclass(frozen=True)
class Operator:
    """Somebody with a lake."""

    lake: Path

    def submit(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        return subprocess.run(
            self._command(verb, *arguments),
            capture_output=True,
            text=True,
            timeout=_ENDLESS,
            env=self._environment(),
            check=False,
        )

    def start_job(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a job that starts no Spark to its end, without the JVM around it."""
        return subprocess.run(
            [sys.executable, str(ROOT / f"jobs/{verb}.py"), *arguments, *self._settings()],
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environment() | {"PYTHONPATH": str(ROOT / "lib")},
            check=False,
        )

    def submit_and_kill(self, when: Callable[[], bool], verb: str, *arguments: str) -> None:
        """Run a job, and kill all its processes with SIGKILL as soon as `when` says so."""
        job = subprocess.Popen(
            self._command(verb, *arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            start_new_session=True,
        )
        deadline = time.monotonic() + _ENDLESS
        while not when():
            assert job.poll() is None, "the job ended before the moment came"
            assert time.monotonic() < deadline, "the moment never came"
            time.sleep(0.002)
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()

    def toplists(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command that looks at published lists."""
        return subprocess.run(
            [str(ROOT / "toplists"), *arguments, "--lake", str(self.lake)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def recommendations(self, dataset: str, run_id: str) -> dict[str, list[tuple[str, float]]]:
        """The personal lists of a run."""
        table = DeltaTable(str(self.lake / dataset / "recommendations"))
        rows = table.to_pyarrow_table(filters=[("run_id", "=", run_id)]).to_pylist()
        return {
            row["user_id"]: [(entry["item_id"], entry["score"]) for entry in row["items"]]
            for row in rows
        }

    def _command(self, verb: str, *arguments: str) -> list[str]:
        return [str(ROOT / "spark-submit.sh"), verb, *arguments, *self._settings()]

    def _settings(self) -> list[str]:
        # A killed job's lease is free once all its processes are gone.
        settings = (f"lake.root={self.lake}", "lake.lease_seconds=30")
        return [word for setting in settings for word in ("--set", setting)]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"TOPLISTS_LOGS": str(self.lake.parent / "logs")}
