"""Connections to Redis, what a server says of itself, and what went wrong with one in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import redis
from redis.exceptions import AskError, NoPermissionError, OutOfMemoryError

from toplists.errors import StoreError
from toplists.publish.stores.secrets import Secret
from toplists.reader.redis_clients import FAILURES, Client, cause_of, connect, server_of

_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 120
_GIB = 2**30


@contextmanager
def open_client(uri: str, secret: Secret) -> Iterator[Client]:
    """A client; what the server refuses becomes a `StoreError`."""
    client: Client = None
    try:
        client = connect(
            uri,
            password=secret.read(),
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
        )
        yield client
    except FAILURES as error:
        raise StoreError(_sentence(cause_of(error))) from error
    finally:
        if client is not None:
            client.close()


def by_server(
    client: Client, numbers: npt.NDArray[np.int64], name: Callable[[int], str]
) -> dict[Client, npt.NDArray[np.bool_]]:
    """Which rows go to which server, by the numbers of their buckets."""
    if isinstance(client, redis.Redis):
        return {client: np.ones(len(numbers), np.bool_)}
    found, places = np.unique(numbers, return_inverse=True)
    numbered: dict[Client, int] = {}
    owners = [
        numbered.setdefault(server_of(client, name(number)), len(numbered))
        for number in found.tolist()
    ]
    owner = np.array(owners, np.int64)[places]
    return {server: owner == one for server, one in numbered.items()}


def send(server: Client, commands: memoryview, count: int) -> None:
    """Send commands that are written out already to one server, and wait for their answers."""
    connection = server.connection_pool.get_connection()
    try:
        connection.send_packed_command([commands])
        for _ in range(count):
            connection.read_response()
    except BaseException:
        connection.disconnect()  # there may be answers left to read
        raise
    finally:
        server.connection_pool.release(connection)


def server_time(client: Client) -> datetime:
    """By the clock that decides what has expired."""
    return datetime.fromtimestamp(server_of(client, "").time()[0], UTC)


def server_version(client: Client) -> tuple[int, ...]:
    """Its release: major and minor number."""
    version = server_of(client, "").info("server")["redis_version"]
    return tuple(map(int, str(version).split(".")[:2]))


class Memory(NamedTuple):
    """Bytes that a server holds, and that it may hold, its `maxmemory`; 0 = as many as there are."""

    used: int
    limit: int


def memory_of(server: Client) -> Memory:
    """What a server has of memory."""
    memory = server.info("memory")
    return Memory(int(memory["used_memory"]), int(memory.get("maxmemory", 0)))


def require_room(memory: Memory, needed: int) -> None:
    """Refuse what does not fit into a server beside what is there.

    Raises:
        StoreError: it does not.
    """
    used, limit = memory
    if limit and used + needed > limit:
        raise StoreError(
            f"this release needs about {_gib(needed)} of memory beside the {_gib(used)} in use, and maxmemory is "
            f"{_gib(limit)}. Raise it."
        )


def _gib(size: int) -> str:
    return f"{size / _GIB:,.2f} GiB" if size >= _GIB // 10 else f"{size / 2**20:,.1f} MiB"


def _sentence(error: Exception) -> str:
    said = str(error).strip().partition("\n")[0].rstrip(".")
    match error:
        case OutOfMemoryError():
            return f"the server has no memory left ({said}). Raise its maxmemory."
        case redis.AuthenticationError():
            return f"{said}. Correct the user in the address, or what `secret` names."
        case NoPermissionError():
            return f"{said}. Grant it to the user of the address."
        case AskError():
            return (
                f"keys lie in other nodes of a cluster ({said}). Write redis+cluster:// in the address; or wait "
                "until its slots stay where they are."
            )
        case redis.ConnectionError() | redis.TimeoutError():
            return f"{said}. Look whether the server runs, and whether the address is right."
    return f"{said}."
