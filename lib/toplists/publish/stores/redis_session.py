"""Connections to Redis, what a server says of itself, and what went wrong with one in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import redis
from redis.exceptions import NoPermissionError, OutOfMemoryError

from toplists.errors import StoreError
from toplists.publish.stores.secrets import Secret

Client: TypeAlias = Any  # redis-py's types say of most answers that they may be awaited

_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 120
_GIB = 2**30


@contextmanager
def open_client(uri: str, secret: Secret) -> Iterator[Client]:
    """A client; what the server refuses becomes a `StoreError`."""
    client = redis.Redis.from_url(
        uri,
        password=secret.read(),
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
    )
    try:
        yield client
    except redis.RedisError as error:
        raise StoreError(_sentence(error)) from error
    finally:
        client.close()


def send(client: Client, commands: memoryview, count: int) -> None:
    """Send commands that are written out already, and wait for their answers."""
    connection = client.connection_pool.get_connection()
    try:
        connection.send_packed_command([commands])
        for _ in range(count):
            connection.read_response()
    except BaseException:
        connection.disconnect()  # there may be answers left to read
        raise
    finally:
        client.connection_pool.release(connection)


def server_time(client: Client) -> datetime:
    """By the clock that decides what has expired."""
    return datetime.fromtimestamp(client.time()[0], UTC)


def server_version(client: Client) -> tuple[int, ...]:
    """Its release: major and minor number."""
    return tuple(map(int, str(client.info("server")["redis_version"]).split(".")[:2]))


def require_room(client: Client, needed: int) -> None:
    """Refuse what does not fit beside what is there.

    Raises:
        StoreError: it does not.
    """
    memory = client.info("memory")
    limit, used = int(memory.get("maxmemory", 0)), int(memory["used_memory"])
    if limit and used + needed > limit:
        raise StoreError(
            f"this release needs about {_gib(needed)} of memory beside the {_gib(used)} in use, and maxmemory is "
            f"{_gib(limit)}. Raise it."
        )


def _gib(size: int) -> str:
    return f"{size / _GIB:,.2f} GiB" if size >= _GIB // 10 else f"{size / 2**20:,.1f} MiB"


def _sentence(error: redis.RedisError) -> str:
    said = str(error).strip().partition("\n")[0].rstrip(".")
    match error:
        case OutOfMemoryError():
            return f"the server has no memory left ({said}). Raise its maxmemory."
        case redis.AuthenticationError():
            return f"{said}. Correct the user in the address, or what `secret` names."
        case NoPermissionError():
            return f"{said}. Grant it to the user of the address."
        case redis.ConnectionError() | redis.TimeoutError():
            return f"{said}. Look whether the server runs, and whether the address is right."
    return f"{said}."
