"""Where contenders of a benchmark run: on Spark as an operator starts it, or among the rival libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import ROOT

_HERE = Path(__file__).resolve().parent
_LOCK, _VENV = _HERE / "requirements.lock", _HERE / ".venv"
# On some machines they name another processor's kernels, with which NumPy is slow.
_MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

# What spark-submit.sh does before it becomes spark-submit. On two cores it starts the JVM without the
# optimizing compiler, since the work is in Python; code that computes in the JVM needs it.
_SUBMIT = """
. conf/environment.sh
ensure_java
ensure_spark runtime
if [[ "$1" == quick ]]; then
    export SPARK_SUBMIT_OPTS="$(local_jvm_options 0)"
fi
shift
exec env SPARK_HOME="$VENV/spark" PYSPARK_PYTHON="$VENV/bin/python" PYTHONPATH="$PYTHONPATH" \
    TOPLISTS_LOG="${TMPDIR:-/tmp}/benchmark-spark.log" "$VENV/spark/bin/spark-submit" \
    --properties-file conf/spark/local.conf --driver-class-path "$(join_jars :)" \
    --conf "spark.driver.defaultJavaOptions=$LOG_OPTION" "$@"
"""


def run_on_spark(
    script: Path,
    *arguments: str,
    compiled_jvm: bool = False,
    time_limit: float | None = None,
    **settings: str,
) -> None:
    """Run a Python script in a session of its own, as `spark-submit.sh` starts one.

    Args:
        script: The script.
        arguments: Its arguments.
        compiled_jvm: Whether the JVM optimizes what it runs, as code that computes in it needs it.
        time_limit: Seconds after which it is ended.
        settings: Spark settings, with `_` for `.`; they win over those of conf/spark/local.conf.

    Raises:
        TimeoutExpired: it was ended.
    """
    given = [
        word
        for key, value in settings.items()
        for word in ("--conf", f"{key.replace('_', '.')}={value}")
    ]
    mode = "compiled" if compiled_jvm else "quick"
    command = ["bash", "-euo", "pipefail", "-c", _SUBMIT, "benchmark", mode, *given]
    subprocess.run(
        [*command, str(script), *arguments],
        cwd=ROOT,
        env=_environment(),
        check=True,
        timeout=time_limit,
    )


def run_here(script: Path, *arguments: str) -> None:
    """Run a Python script with the library in a process of its own, without Spark."""
    variables = _environment() | {"PYTHONPATH": str(ROOT / "lib")}
    subprocess.run([sys.executable, str(script), *arguments], cwd=ROOT, env=variables, check=True)


def run_among_rivals(script: Path, *arguments: str, **variables: str) -> None:
    """Run a Python script with the rival libraries, which are installed on first use."""
    installed = _VENV / "installed.lock"
    if not installed.exists() or installed.read_bytes() != _LOCK.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_VENV)], check=True)
        install = [str(_VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--require-hashes", "-r", str(_LOCK)], check=True)
        installed.write_bytes(_LOCK.read_bytes())
    command = [str(_VENV / "bin/python"), str(script), *arguments]
    subprocess.run(command, cwd=ROOT, env=_environment() | variables, check=True)


@contextmanager
def limited_to(cores: int) -> Iterator[None]:
    """Whatever is started meanwhile has so many cores of the machine, with all its processes and threads."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _MISLEADING}
