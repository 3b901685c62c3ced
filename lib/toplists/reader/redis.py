"""Lists read from Redis, as `docs/stores.md` lays them out: one round trip per question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import redis

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
)
from toplists.reader.lists import Lists
from toplists.reader.packing import unpack_list
from toplists.reader.records import Publication, RecommendationList

_CONNECT_SECONDS = 10.0
_Keys = Sequence[tuple[ListTable, str]]
Answer = TypeVar("Answer")


def open_redis(address: str, password: str | None = None) -> RedisLists:
    """The lists at `redis://HOST:PORT/DB#NAMESPACE`, or `rediss://…` with TLS.

    A password comes from the address, else it is `password`.

    Raises:
        AddressError: the address cannot be understood.
    """
    return RedisLists(address, password)


class RedisLists(Lists):
    """What `Lists` promises. The client keeps connections for threads, and opens broken ones again."""

    def __init__(self, address: str, password: str | None = None) -> None:
        """See `open_redis`."""
        uri, self._namespace = split_or_refuse(address)
        self._shown = without_secrets(address)
        try:
            self._client: Any = redis.Redis.from_url(
                uri,
                password=password,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_CONNECT_SECONDS,
            )
        except ValueError:  # which quotes parts of the address
            raise AddressError(
                f"{self._shown} cannot be understood as an address of Redis. Signs such as @, /, : and # in a "
                "password are written as %40, %2F, %3A and %23."
            ) from None
        self._known: tuple[bytes, LiveRelease] | None = None

    def publication(self) -> Publication | None:
        """See `Lists`."""
        live = self._live(self._ask(lambda: self._client.get(live_key(self._namespace))))
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

    def close(self) -> None:
        """See `Lists`."""
        self._client.close()

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
            *values, record = self._ask(partial(self._get, places))
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

    def _get(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        pipeline = self._client.pipeline(transaction=False)
        for name, field in places:
            pipeline.hget(name, field)
        # Last: what is live then was there when the lists were read, and a live release is never pruned.
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

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except redis.RedisError as error:
            said = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            raise ListsUnavailableError(f"{self._shown} cannot be read: {said}.") from error


def _same_place(before: LiveRelease, live: LiveRelease) -> bool:
    """Whether the lists of both lie under the same keys."""
    return (before.release, before.buckets) == (live.release, live.buckets)
