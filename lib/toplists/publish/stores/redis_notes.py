"""What the export notes in Redis: which releases there are, and which parts of one are written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.store import OVERTAKEN, Notes, Written
from toplists.reader.layouts import release_key, releases_key
from toplists.reader.redis_clients import Client

_BEGUN = "begun"


@dataclass(frozen=True)
class Extra:
    """What is noted of a release beside what all stores note.

    Attributes:
        buckets: Into how many hashes the lists of each table are spread.
        rows: How many lists each table has.
        expires_at: When all of it expires.
    """

    buckets: Mapping[str, int]
    rows: Mapping[str, int]
    expires_at: datetime

    @classmethod
    def of(cls, notes: Notes) -> Extra:
        """That of a release's notes."""
        extra: dict[str, Any] = dict(notes.extra)
        when = extra["expires_at"]
        return cls(**extra | {"expires_at": datetime.fromisoformat(str(when))})


@dataclass(frozen=True)
class RedisNotes:
    """The notes in a namespace. Those of the parts of a release are kept while it is loaded."""

    namespace: str

    def releases(self, client: Client) -> list[str]:
        """Names of all releases, half loaded ones among them."""
        return sorted(name.decode() for name in client.smembers(releases_key(self.namespace)))

    def find(self, client: Client, release: str) -> Notes | None:
        """What is known of a release; `None` if there is none of that name."""
        found = client.get(release_key(self.namespace, release))
        if found is None:
            return None
        fields = json.loads(found)
        return Notes(**fields | {"began": datetime.fromisoformat(fields["began"])})

    def keep(self, client: Client, notes: Notes) -> None:
        """Note a release, in place of what was noted of it."""
        content = json.dumps(asdict(notes), default=datetime.isoformat)
        with written("notes in Redis"):
            # First: what is not among them is never removed.
            client.sadd(releases_key(self.namespace), notes.run_id)
            client.set(release_key(self.namespace, notes.run_id), content)

    def forget(self, client: Client, release: str) -> None:
        """Know nothing of a release any more; its hashes are gone already."""
        self.forget_parts(client, release)
        with written("removal of notes in Redis"):
            client.delete(release_key(self.namespace, release))
            client.srem(releases_key(self.namespace), release)

    def require_ours(self, client: Client, dataset: str) -> None:
        """Refuse a namespace of another dataset.

        Raises:
            StoreError: it is one.
        """
        known = (self.find(client, one) for one in self.releases(client))
        others = {notes.dataset for notes in known if notes is not None} - {dataset}
        if others:
            raise StoreError(
                f"namespace {self.namespace} holds the lists of dataset {', '.join(sorted(others))}. Give this one "
                "a namespace of its own behind # in the address."
            )

    def begin_parts(self, client: Client, notes: Notes, life: timedelta) -> None:
        """Note that parts of a release may be written from now on, none of which is there."""
        self.forget_parts(client, notes.run_id)
        with written("parts in Redis"):
            self._add(client, notes, _BEGUN, notes.began.isoformat(), life)

    def add_part(self, client: Client, notes: Notes, done: Written, life: timedelta) -> None:
        """Note that a part is written whole.

        Args:
            client: The server.
            notes: What was noted of the release when the part was begun.
            done: The part.
            life: How long this is remembered.

        Raises:
            StoreError: the release was begun anew meanwhile, and its first rows are gone.
        """
        now = self.find(client, notes.run_id)
        if now is None or now.state != "loading" or now.began != notes.began:
            raise StoreError(OVERTAKEN)
        value = json.dumps({_BEGUN: notes.began.isoformat(), **asdict(done)})
        with written("note of a part in Redis"):
            self._add(client, notes, str(done.part), value, life)

    def parts(self, client: Client, notes: Notes) -> list[Written] | None:
        """The parts that are whole; `None` if none was to be written yet since the release was begun."""
        found = client.hgetall(self._parts_key(notes.run_id))
        begun = notes.began.isoformat()
        if found.pop(_BEGUN.encode(), b"").decode() != begun:
            return None
        parts = map(json.loads, found.values())
        # A task that outlived its export may have noted a part of what was there before.
        return [Written(**part) for part in parts if part.pop(_BEGUN) == begun]

    def forget_parts(self, client: Client, release: str) -> None:
        """The parts of a release do not matter any more."""
        with written("removal of parts in Redis"):
            client.delete(self._parts_key(release))

    def _add(self, client: Client, notes: Notes, name: str, value: str, life: timedelta) -> None:
        key = self._parts_key(notes.run_id)
        client.hset(key, name, value)
        client.expire(key, life)  # whoever is too late leaves it for nobody

    def _parts_key(self, release: str) -> str:
        return f"{self.namespace}:parts:{release}"
