"""spark-submit.sh up to the end: what comes through from a job that runs on Spark."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

JOB = """
import os, sys, time
from toplists.lake.session import open_session

spark = open_session("job")
if sys.argv[3] == "sleep":
    print("asleep", flush=True)
    time.sleep(120)
spark.range(5).write.format("delta").save(sys.argv[3])


def with_the_library(number):
    from toplists.errors import GateRefusedError

    return number + GateRefusedError.exit_code


print(spark.sparkContext.parallelize([1]).map(with_the_library).collect(), flush=True)
spark.sparkContext._jvm.org.apache.logging.log4j.LogManager.getLogger("job").warn("a warning")
print("terminal", os.environ.get("TOPLISTS_TERMINAL"), flush=True)
sys.exit(3)
"""


@pytest.fixture
def job(checkout: Path) -> Path:
    (checkout / "jobs/nightly.py").write_text(JOB)
    return checkout


def start(job: Path, argument: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [job / "spark-submit.sh", "nightly", argument],
        cwd=job.parent,
        env={**os.environ, "TOPLISTS_LOGS": str(job.parent / "my logs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_output_and_exit_code_come_through_and_nothing_of_spark_does(job: Path) -> None:
    process = start(job, str(job.parent / "table"))
    stdout, stderr = process.communicate(timeout=180)
    assert (stdout, stderr) == ("[4]\nterminal None\n", "")
    assert process.returncode == 3
    (log,) = (job.parent / "my logs").iterdir()
    assert log.name.endswith(f"-nightly-{process.pid}.log")
    assert "WARN job: a warning" in log.read_text()
    assert not (job.parent / "spark-warehouse").exists()


def test_a_signal_ends_it(job: Path) -> None:
    process = start(job, "sleep")
    assert process.stdout is not None
    assert process.stdout.readline() == "asleep\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_mistake_in_sparks_own_options_is_shown(job: Path) -> None:
    result = subprocess.run(
        [job / "spark-submit.sh", "nightly", "--conf", "spark.driver.memory=much"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode != 0
    assert "much" in result.stderr
