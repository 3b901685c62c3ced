"""A server that speaks S3, in an environment of its own: its packages would hold back those of production."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).resolve().parent / "s3"
_LOCK, _VENV = _HERE / "requirements.lock", _HERE / ".venv"
_SECONDS = 60


@contextmanager
def run_server() -> Iterator[str]:
    """Run it, installing it on first use; its address."""
    _install()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
    command = [str(_VENV / "bin/moto_server"), "-H", host, "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(server, host, port)
        yield f"{host}:{port}"
    finally:
        server.kill()
        server.wait()


def _install() -> None:
    _VENV.parent.mkdir(exist_ok=True)
    with (_HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = _VENV / "installed.lock"
        if installed.exists() and installed.read_bytes() == _LOCK.read_bytes():
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_VENV)], check=True)
        install = [str(_VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--require-hashes", "-r", str(_LOCK)], check=True)
        installed.write_bytes(_LOCK.read_bytes())


def _wait_for(server: subprocess.Popen[bytes], host: str, port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            assert server.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return
