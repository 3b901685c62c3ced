"""Lists read from Redis, as `docs/stores.md` lays them out: one round trip per question, two in a cluster."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from redis.exceptions import AskError

from toplists.reader.addresses import split_or_refuse, without_secrets
from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.layouts import (
    PERSONAL,
    POPULAR,
    SIMILAR,
    ListTable,
    LiveRelease,
    bucket_key,
    bucket_of,
    field_of,
    live_from_json,
    live_key,
    release_key,
    releases_key,
)
from toplists.reader.lists import Lists
from toplists.reader.packing import unpack_items, unpack_list
from toplists.reader.records import Publication, RecommendationList
from toplists.reader.redis_clients import (
    FAILURES,
    Client,
    cause_of,
    check_uri,
    connect,
    is_of_cluster,
)
from toplists.reader.releases import LISTS_AT_ONCE, Asked, KeepsReleases, Pair, UserItems

_CONNECT_SECONDS = 10.0
_Keys = Sequence[tuple[ListTable, str]]
Answer = TypeVar("Answer")


def open_redis(address: str, password: str | None = None) -> RedisLists:
    """The lists at `redis://HOST:PORT/DB#NAMESPACE`; `rediss://…` with TLS, `redis+cluster://…` of a cluster.

    A password comes from the address, else it is `password`.

    Raises:
        AddressError: the address cannot be understood.
    """
    return RedisLists(address, password)


class RedisLists(Lists, KeepsReleases):
    """What `Lists` promises. The client keeps connections for threads, and opens broken ones again."""

    def __init__(self, address: str, password: str | None = None) -> None:
        """See `open_redis`."""
        self._uri, self._namespace = split_or_refuse(address)
        self._shown = without_secrets(address)
        try:
            check_uri(self._uri)
        except ValueError:  # which quotes parts of the address
            raise AddressError(
                f"{self._shown} cannot be understood as an address of Redis. Signs such as @, /, : and # in a "
                "password are written as %40, %2F, %3A and %23."
            ) from None
        self._is_cluster = is_of_cluster(self._uri)
        self._password = password
        self._lock = Lock()
        self._client: Client = None
        self._known: tuple[bytes, LiveRelease] | None = None

    def publication(self) -> Publication | None:
        """See `Lists`."""
        live = self._live(self._ask(lambda client: client.get(live_key(self._namespace))))
        return None if live is None else live.publication

    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """See `Lists`."""
        own = self._first([(PERSONAL, user_id)], placement)
        if own is not None:
            return own[1]
        # Its own list is looked for again, in case another release has become live.
        keys = [(PERSONAL, user_id), (POPULAR, segment), (POPULAR, "all")]
        found = self._first(keys, placement)
        return None if found is None else replace(found[1], fallback=found[0] > 0)

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """See `Lists`."""
        found = self._first([(SIMILAR, item_id)], placement)
        return None if found is None else found[1]

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """See `Lists`."""
        found = self._first([(POPULAR, segment)], placement)
        return None if found is None else found[1]

    def releases(self) -> list[str]:
        """See `KeepsReleases`: those that an export made."""
        names = self._ask(lambda client: client.smembers(releases_key(self._namespace)))
        return [name for name in sorted(map(bytes.decode, names)) if self._noted(name) is not None]

    def pairs(self, before: str, now: str, asked: Asked) -> Iterator[Pair]:
        """See `KeepsReleases`: hash by hash."""
        sides = [self._hashes(name) for name in (before, now)]
        # Users whose hashes have the same rest in the one release have it in the other.
        groups = math.gcd(*(side.buckets for side in sides))
        lists = max(side.lists for side in sides)
        step = max(1, LISTS_AT_ONCE * groups // max(1, lists))
        read = [0, 0]
        for group in range(0, groups, step):
            found = []
            for place, side in enumerate(sides):
                chosen = [n for n in range(side.buckets) if group <= n % groups < group + step]
                names = [bucket_key(self._namespace, side.release, PERSONAL, n) for n in chosen]
                values = self._ask(partial(_get_all, names=names))
                read[place] += sum(map(len, values))
                found.append([one for value in values for one in _items_of(value, asked)])
            yield found[0], found[1]
        for side, lists in zip(sides, read, strict=True):
            if lists != side.lists:
                raise ListsUnavailableError(
                    f"{lists:,} of {side.lists:,} lists of run {side.release} are left in {self._shown}: it was "
                    "removed, or expired."
                )

    def close(self) -> None:
        """See `Lists`."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _noted(self, release: str) -> Mapping[str, Any] | None:
        """What the export has noted of a release; `None` unless it is complete."""
        record = self._ask(lambda client: client.get(release_key(self._namespace, release)))
        notes: Mapping[str, Any] | None = None if record is None else json.loads(record)
        return notes if notes is not None and notes["state"] == "complete" else None

    def _hashes(self, release: str) -> _Hashes:
        notes = self._noted(release)
        if notes is None:
            raise ListsUnavailableError(f"Run {release} is not in {self._shown} any more.")
        extra = notes["extra"]
        return _Hashes(release, extra["buckets"][PERSONAL.name], extra["rows"][PERSONAL.name])

    def _first(self, keys: _Keys, placement: str) -> tuple[int, RecommendationList] | None:
        """The first of some lists that is there, and which it is; all of one release.

        What is live is asked for along with the lists of what was live before: one round trip, unless it has
        changed.
        """
        for _, key in keys:
            key.encode("utf-8")
        before = self._known[1] if self._known else None
        while True:
            places = [] if before is None else self._places(before, keys, placement)
            *values, record = self._ask(partial(self._get, places=places))
            live = self._live(record)
            if live is None:
                return None
            if before is not None and _same_place(before, live):
                break
            before = live
        for place, value in enumerate(values):
            if value is not None:
                found = unpack_list(live.publication.run_id, value)
                return place, replace(found, as_of=live.publication.as_of)
        self._require_unexpired(live)
        return None

    def _places(self, live: LiveRelease, keys: _Keys, placement: str) -> list[tuple[str, str]]:
        """Where the lists would be: keys of hashes, and the field in each."""
        places = []
        for table, key in keys:
            bucket = bucket_of(key, max(1, live.buckets.get(table.name, 1)))
            name = bucket_key(self._namespace, live.release, table, bucket)
            places.append((name, field_of(key, placement)))
        return places

    def _get(self, client: Client, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        pipeline = client.pipeline(transaction=False)
        for name, field in places:
            pipeline.hget(name, field)
        # Last: what is live then was there when the lists were read, and a live release is never pruned.
        if self._is_cluster:  # where another node may answer first
            return [*pipeline.execute(), client.get(live_key(self._namespace))]
        pipeline.get(live_key(self._namespace))
        values: list[bytes | None] = pipeline.execute()
        return values

    def _live(self, record: bytes | None) -> LiveRelease | None:
        if record is None:
            return None
        known = self._known
        if known is not None and known[0] == record:
            return known[1]
        try:
            live = live_from_json(record)
        except ValueError as error:
            raise ListsUnavailableError(
                f"{self._shown} cannot be read: {live_key(self._namespace)} is {error}. Update this "
                "reader to the release that exports."
            ) from error
        self._known = record, live
        return live

    def _require_unexpired(self, live: LiveRelease) -> None:
        if live.expires_at is not None and datetime.now(UTC) >= live.expires_at:
            raise ListsUnavailableError(
                f"The lists of run {live.publication.run_id} in {self._shown} expired at "
                f"{live.expires_at:%Y-%m-%d %H:%M} UTC, and no other release came. Export again."
            )

    def _ask(self, question: Callable[[Client], Answer]) -> Answer:
        try:
            return question(self._connected())
        except FAILURES as error:
            raise self._unavailable(cause_of(error)) from error

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = connect(
                    self._uri,
                    password=self._password,
                    socket_connect_timeout=_CONNECT_SECONDS,
                    socket_timeout=_CONNECT_SECONDS,
                )
            return self._client

    def _unavailable(self, error: Exception) -> ListsUnavailableError:
        said = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        if isinstance(error, AskError):
            said = "it is a node of a cluster: write redis+cluster:// in the address"
        return ListsUnavailableError(f"{self._shown} cannot be read: {said}.")


@dataclass(frozen=True)
class _Hashes:
    """The personal lists of a release: in how many hashes they are, and how many they are."""

    release: str
    buckets: int
    lists: int


def _get_all(client: Client, names: Sequence[str]) -> list[Mapping[bytes, bytes]]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.hgetall(name)
    values: list[Mapping[bytes, bytes]] = pipeline.execute()
    return values


def _items_of(lists: Mapping[bytes, bytes], asked: Asked) -> Iterator[UserItems]:
    begin = field_of("", asked.placement).encode()
    for field, packed in lists.items():
        if field.startswith(begin):
            yield field[len(begin) :].decode(), unpack_items(packed)[: asked.places]


def _same_place(before: LiveRelease, live: LiveRelease) -> bool:
    """Whether the lists of both lie under the same keys."""
    return (before.release, before.buckets) == (live.release, live.buckets)
