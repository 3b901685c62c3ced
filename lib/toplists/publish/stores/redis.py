"""Redis as a store: hashes of packed lists under the name of a release, and one key that says what is live.

A release is first copied from the one before, a command per hash, and then gets the lists that changed. Setting
a field again changes nothing, so that a task may be repeated or run twice; a part that is whole is noted, so that a
resumed export need not. A live release that lost lists gets them
again in the same hashes, under the eyes of its readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.columns import buckets_of
from toplists.publish.stores.redis_commands import (
    fields,
    memory_needed,
    remove_lists,
    set_lists,
)
from toplists.publish.stores.redis_notes import Extra, RedisNotes
from toplists.publish.stores.redis_session import (
    by_server,
    memory_of,
    open_client,
    require_room,
    send,
    server_time,
    server_version,
)
from toplists.publish.stores.secrets import Secret
from toplists.publish.stores.store import (
    OVERTAKEN,
    IncompleteError,
    Notes,
    Part,
    PartLists,
    Release,
    Store,
    Written,
    kept_releases,
    require_all,
)
from toplists.reader.layouts import (
    LIST_TABLES,
    ListTable,
    LiveRelease,
    bucket_key,
    live_from_json,
    live_key,
    release_key,
    split_address,
)
from toplists.reader.records import Publication
from toplists.reader.redis_clients import Client, server_of

LISTS_PER_BUCKET = 256
_COMMANDS = 500
"""In a pipeline."""
_COPY_SINCE = (6, 2)


class RedisStore(Store):
    """A server or a cluster, and a namespace of its keys."""

    rows_per_part = 40_000  # of each a command for every hash
    takes_coded = True

    def __init__(self, name: str, address: str, secret: Secret, expire_days: float) -> None:
        """A store at `address`, see `docs/stores.md`; releases live for `expire_days`."""
        super().__init__(name)
        self._uri, self._namespace = split_address(address)
        self._notes = RedisNotes(self._namespace)
        self._secret = secret
        self._expire = timedelta(days=expire_days)

    def live(self) -> LiveRelease | None:
        """See `Store`."""
        with open_client(self._uri, self._secret) as client:
            found = client.get(live_key(self._namespace))
        return None if found is None else live_from_json(found)

    def notes(self, release: str) -> Notes | None:
        """See `Store`."""
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, release)
            first = [("EXISTS", self._bucket(release, table, 0)) for table in LIST_TABLES]
            if notes is None and any(self._do(client, first)):
                raise StoreError(
                    f"there are keys {self._namespace}:{release}:* that no export made. Rename or remove them."
                )
        return notes

    def can_copy_from(self, release: str) -> bool:
        """See `Store`: COPY came with Redis 6.2."""
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, release)
            return (
                notes is not None
                and self._is_whole(client, release, notes)
                and server_version(client) >= _COPY_SINCE
            )

    def prepare(
        self, release: Release, *, resume: bool, sample: Mapping[str, pa.Table]
    ) -> list[Written]:
        """See `Store`. Hashes are of many parts: what is known of a part is what is noted of it."""
        live = self.live()
        is_live = live is not None and live.release == release.run_id
        with open_client(self._uri, self._secret) as client:
            self._notes.require_ours(client, release.dataset)
            notes = self._notes.find(client, release.run_id)
            if resume and notes is not None and notes.are_of(release):
                parts = self._notes.parts(client, notes)
                if parts is not None:  # there was room for all of them
                    return parts
            base = None if release.base is None else self._notes.find(client, release.base)
            if live is not None and is_live:
                buckets = dict(live.buckets)  # as readers look for them
            elif base is not None:
                buckets = dict(Extra.of(base).buckets)
            else:
                buckets = {name: _buckets(rows) for name, rows in release.rows.items()}
            if not is_live and self.notes(release.run_id) is not None:
                self._remove(client, release.run_id)
            self._require_room(client, release, buckets, sample)
            extra = Extra(buckets, dict(release.rows), release.began + self._expire)
            notes = _notes_of(release, "loading", extra)
            self._notes.keep(client, notes)
            if release.base is not None:
                self._copy(client, release.base, release.run_id, buckets)
            self._notes.begin_parts(client, notes, self._expire)
        return []

    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """See `Store`."""
        table, key = part.table, part.table.key
        rows = lists.sent
        replaced, named = fields(lists.replaced, key), fields(rows, key)
        gone = lists.replaced.filter(pc.invert(pc.is_in(replaced, value_set=named)))
        size = 0
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, release.run_id)
            if notes is None or not notes.are_of(release):
                raise StoreError(OVERTAKEN)
            buckets = Extra.of(notes).buckets[table.name]
            name = partial(self._bucket, release.run_id, table)
            for chosen, command in ((gone, remove_lists), (rows, set_lists)):
                numbers = buckets_of(chosen, key, buckets)
                for server, mine in by_server(client, numbers, name).items():
                    held = chosen if mine.all() else chosen.filter(pa.array(mine))
                    for content, count in command(numbers[mine], held, key, name):
                        with written("lists in Redis"):
                            send(server, content, count)
                        size += len(content)
            done = Written(part.number, len(rows), lists.unchanged, size)
            self._notes.add_part(client, notes, done, self._expire)
        return done

    def verify(self, release: Release, written: Sequence[Written]) -> None:
        """See `Store`."""
        require_all(release, written)
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, release.run_id)
            parts = None if notes is None else self._notes.parts(client, notes)
            if notes is None or {one.part for one in written} != {one.part for one in parts or ()}:
                raise IncompleteError(
                    "the server has forgotten parts that were written, as one that restarts does. Export again."
                )
            extra = Extra.of(notes)
            counts = self._counts(client, release.run_id, extra.buckets)
            for table, wanted in release.rows.items():
                if counts[table] != wanted:
                    raise IncompleteError(
                        f"{counts[table]:,} of {wanted:,} lists of {table} are there: the server lost some, or "
                        "somebody changed them. Export again."
                    )
            self._settle(client, _notes_of(release, "complete", extra), extra)

    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        """See `Store`."""
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, run_id)
            if notes is None or notes.state != "complete":
                raise StoreError(f"release {run_id} is not complete. Export again.")
            extra = replace(Extra.of(notes), expires_at=server_time(client) + self._expire)
            live = LiveRelease(dataset, run_id, publication, now, extra.expires_at, extra.buckets)
            self._settle(client, notes, extra)
            with written("pointer of Redis"):
                client.set(live_key(self._namespace), live.to_json())

    def keep_up(self, live: LiveRelease) -> bool:
        """See `Store`: a run may stay live for longer than a release lives."""
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, live.release)
            if notes is None or not self._is_whole(client, live.release, notes):
                return False
            rest = Extra.of(notes).expires_at - server_time(client)
        if live.expires_at is None or rest < self._expire / 2:
            self.activate(live.release, live.dataset, live.publication, live.activated_at)
        return True

    def rollback(self, publication: Publication, dataset: str, now: datetime) -> bool:
        """See `Store`: what is not whole any more is loaded again."""
        with open_client(self._uri, self._secret) as client:
            notes = self._notes.find(client, publication.run_id)
            if notes is None or not self._is_whole(client, publication.run_id, notes):
                return False
        return super().rollback(publication, dataset, now)

    def prune(self, keep: int, sparing: str | None = None) -> list[str]:
        """See `Store`."""
        live = self.live()
        with open_client(self._uri, self._secret) as client:
            known = {one: self._notes.find(client, one) for one in self._notes.releases(client)}
            notes = {name: found for name, found in known.items() if found is not None}
            kept = kept_releases(notes, live.release if live else None, keep, sparing)
            for release in set(known) - kept:
                self._remove(client, release)
        return sorted(set(notes) - kept)

    def _bucket(self, release: str, table: ListTable, bucket: int) -> str:
        return bucket_key(self._namespace, release, table, bucket)

    def _names(self, release: str, buckets: Mapping[str, int]) -> Iterator[str]:
        """The keys of all hashes of a release."""
        for table in LIST_TABLES:
            for bucket in range(buckets[table.name]):
                yield self._bucket(release, table, bucket)

    def _require_room(
        self,
        client: Client,
        release: Release,
        buckets: Mapping[str, int],
        sample: Mapping[str, pa.Table],
    ) -> None:
        """Refuse a release for which a server has no room; hashes are about as large as one another."""
        hashes = Counter(server_of(client, name) for name in self._names(release.run_id, buckets))
        memories = {server: memory_of(server) for server in hashes}
        if not any(memory.limit for memory in memories.values()):
            return
        needed = memory_needed(release.rows, sample, LIST_TABLES)
        for server, held in hashes.items():
            require_room(memories[server], needed * held // hashes.total())

    def _copy(self, client: Client, base: str, release: str, buckets: Mapping[str, int]) -> None:
        pairs = zip(self._names(base, buckets), self._names(release, buckets), strict=True)
        with written("copies in Redis"):
            self._do(client, [("COPY", old, new, "REPLACE") for old, new in pairs])

    def _is_whole(self, client: Client, release: str, notes: Notes) -> bool:
        extra = Extra.of(notes)
        complete = notes.state == "complete"
        return complete and self._counts(client, release, extra.buckets) == extra.rows

    def _settle(self, client: Client, notes: Notes, extra: Extra) -> None:
        """Let all keys of a complete release expire at the same time, and note when."""
        when = int(extra.expires_at.timestamp())
        names = [
            *self._names(notes.run_id, extra.buckets),
            release_key(self._namespace, notes.run_id),
        ]
        self._notes.keep(client, replace(notes, extra=asdict(extra)))
        with written("expiry in Redis"):
            self._do(client, [("EXPIREAT", name, when) for name in names])
        self._notes.forget_parts(client, notes.run_id)

    def _counts(self, client: Client, release: str, buckets: Mapping[str, int]) -> dict[str, int]:
        """How many lists of each table are there."""
        counts = {}
        for table in LIST_TABLES:
            names = (self._bucket(release, table, one) for one in range(buckets[table.name]))
            counts[table.name] = sum(self._do(client, [("HLEN", name) for name in names]))
        return counts

    def _remove(self, client: Client, release: str) -> None:
        notes = self._notes.find(client, release)
        if notes is not None:
            names = self._names(release, Extra.of(notes).buckets)
            with written("removal of a release of Redis"):
                self._do(client, [("UNLINK", name) for name in names])
        self._notes.forget(client, release)  # last: it says what there is

    def _do(self, client: Client, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Do commands of which each is about one key, many at a time."""
        answers: list[Any] = []
        for first in range(0, len(commands), _COMMANDS):
            pipeline = client.pipeline(transaction=False)
            for command in commands[first : first + _COMMANDS]:
                pipeline.execute_command(*command)
            answers += pipeline.execute()
        return answers


def _notes_of(release: Release, state: Literal["loading", "complete"], extra: Extra) -> Notes:
    return Notes(
        *(release.dataset, release.run_id, state, release.fingerprint),
        *(release.generation, release.began, asdict(extra)),
    )


def _buckets(lists: int) -> int:
    """Into how many hashes so many lists go: a power of two, so that it seldom changes."""
    return 1 << max(0, (max(1, lists) - 1) // LISTS_PER_BUCKET).bit_length()
