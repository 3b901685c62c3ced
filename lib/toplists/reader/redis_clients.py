"""Clients of Redis by an address: of a server, or of a cluster of some."""

from __future__ import annotations

from typing import Any, TypeAlias

import redis
from redis.cluster import RedisCluster
from redis.connection import parse_url
from redis.exceptions import RedisClusterException

Client: TypeAlias = Any  # redis-py's types say of most answers that they may be awaited

FAILURES = (redis.RedisError, RedisClusterException)
"""What clients raise."""
_CLUSTER = "+cluster"


def is_of_cluster(uri: str) -> bool:
    """Whether an address is that of a cluster, whose nodes answer each by itself."""
    return uri.partition("://")[0].endswith(_CLUSTER)


def check_uri(uri: str) -> None:
    """Refuse an address that no client understands.

    Raises:
        ValueError: what is wrong with it; quotes parts of it.
    """
    parse: Any = parse_url  # without types
    options = parse(_plain(uri))
    if is_of_cluster(uri) and options.get("db", 0) != 0:
        raise ValueError("a cluster has no database but 0")


def connect(uri: str, **options: object) -> Client:
    """A client of `redis://…`, `rediss://…` (TLS), `redis+cluster://…` or `rediss+cluster://…`.

    That of a cluster looks at once which nodes there are; one of a server connects when it is used.

    Raises:
        ValueError: see `check_uri`.
        RedisClusterException: no node of the cluster answers.
    """
    check_uri(uri)
    kind: Any = RedisCluster if is_of_cluster(uri) else redis.Redis
    return kind.from_url(_plain(uri), **options)


def server_of(client: Client, key: str) -> Client:
    """A client of the server that holds a key."""
    if isinstance(client, redis.Redis):
        return client
    return client.get_redis_connection(client.get_node_from_key(key))


def cause_of(error: Exception) -> Exception:
    """What is behind an error: that of the node which was asked last, where none of a cluster answers."""
    if isinstance(error, RedisClusterException) and isinstance(error.__cause__, redis.RedisError):
        return error.__cause__
    return error


def _plain(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    return f"{scheme.removesuffix(_CLUSTER)}{separator}{rest}"
