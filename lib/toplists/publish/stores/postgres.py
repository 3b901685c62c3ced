"""Postgres as a store: a table per release and kind of list, and views that show the live ones.

A part is one transaction: its note in `parts`, of which there can be one only, and its rows. So a task that is
repeated, or runs twice, adds nothing. Tables get their primary keys after the load, and one transaction turns
the views and `live`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import pyarrow as pa
from psycopg import Rollback, errors, sql

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.columns import slices
from toplists.publish.stores.copy_format import COLUMNS, HEADER, TRAILER, encode_rows
from toplists.publish.stores.postgres_schema import Schema
from toplists.publish.stores.postgres_session import Cursor, in_a_sentence, open_session
from toplists.publish.stores.secrets import Secret
from toplists.publish.stores.store import (
    OVERTAKEN,
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
    LIVE_TABLE,
    RELEASES_TABLE,
    ListTable,
    LiveRelease,
    release_table,
    split_address,
)
from toplists.reader.records import Publication

_LOG = logging.getLogger(__name__)

# Below the second after which Postgres looks for deadlocks and ends one of the two: that is to be us.
_LOCK_MILLISECONDS = 300
_PATIENCE_SECONDS = 60.0


class PostgresStore(Store):
    """A schema of a database."""

    takes_coded = True

    def __init__(self, name: str, address: str, secret: Secret) -> None:
        """A store at `address`, see `docs/stores.md`."""
        super().__init__(name)
        self._uri, schema = split_address(address)
        self._schema = Schema(schema)
        self._secret = secret

    def live(self) -> LiveRelease | None:
        """See `Store`."""
        with self._session() as cursor:
            if not self._schema.is_there(cursor, LIVE_TABLE):
                return None
            cursor.execute(self._schema.about("SELECT * FROM {}", LIVE_TABLE))
            row = cursor.fetchone()
        if row is None:
            return None
        fields = {name: row[name] for name in Publication.__dataclass_fields__}
        return LiveRelease(
            row["dataset"], row["release"], Publication(**fields), row["activated_at"]
        )

    def notes(self, release: str) -> Notes | None:
        """See `Store`."""
        with self._session() as cursor:
            found = self._schema.notes(cursor)
            if release not in found:
                self._schema.require_free(cursor, release)
            return found.get(release)

    def is_whole(self, release: str) -> bool:
        """See `Store`: its tables are there."""
        with self._session() as cursor:
            notes = self._schema.notes(cursor).get(release)
            complete = notes is not None and notes.state == "complete"
            return complete and self._schema.has_release(cursor, release)

    def keep_up(self, live: LiveRelease) -> bool:
        """See `Store`: and so are the views."""
        with self._session() as cursor:
            has_views = self._schema.has_views(cursor)
        return has_views and super().keep_up(live)

    def prepare(
        self,
        release: Release,
        *,
        resume: bool,
        sample: Mapping[str, pa.Table],  # noqa: ARG002 - nobody says how much room there is
    ) -> list[Written]:
        """See `Store`."""
        run_id, live = release.run_id, self.live()
        is_live = live is not None and live.release == run_id
        with self._session() as cursor:
            self._schema.create_schema(cursor)
            self._schema.require_ours(cursor, release.dataset)
            notes = self._schema.notes(cursor).get(run_id)
            if notes is None and not is_live:
                self._schema.require_free(cursor, run_id)
            goes_on = resume and notes is not None and notes.are_of(release)
            if goes_on and self._schema.has_release(cursor, run_id):
                return self._schema.parts(cursor, run_id)
        if notes is not None or is_live:
            clear = self._schema.set_aside if is_live else self._schema.drop
            self._unless_busy(f"release {run_id}", partial(clear, release=run_id))
        with self._session() as cursor, written("release of Postgres"):
            self._schema.create_release(cursor, release)
            cursor.connection.commit()
        return []

    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """See `Store`."""
        with self._session() as cursor:
            if not self._claim(cursor, release, part):
                return self._schema.parts(cursor, release.run_id, part.number)[0]
            done = self._write(cursor, release, part, lists)
            cursor.execute(
                self._schema.about(
                    "UPDATE {} SET sent = %s, copied = %s, bytes = %s WHERE release = %s AND part = %s",
                    "parts",
                ),
                (done.sent, done.copied, done.bytes, release.run_id, part.number),
            )
            with written("part in Postgres"):
                cursor.connection.commit()
        return done

    def verify(self, release: Release, written: Sequence[Written]) -> None:
        """See `Store`."""
        require_all(release, written)
        with self._session() as cursor:
            for table in LIST_TABLES:
                self._schema.add_key(cursor, table, release_table(table, release.run_id))
                self._schema.count(cursor, table, release)
            cursor.execute(
                self._schema.about(
                    "UPDATE {} SET state = 'complete' WHERE release = %s", RELEASES_TABLE
                ),
                (release.run_id,),
            )

    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        """See `Store`."""
        live = LiveRelease(dataset, run_id, publication, now)

        def switch(cursor: Cursor) -> None:
            for table in LIST_TABLES:
                self._schema.show(cursor, table, run_id)
            self._schema.set_live(cursor, live)
            self._schema.drop_aside(cursor, run_id)

        self._unless_busy("the views", switch)

    def prune(self, keep: int, sparing: str | None = None) -> list[str]:
        """See `Store`."""
        live = self.live()
        with self._session() as cursor:
            notes = self._schema.notes(cursor)
        kept = kept_releases(notes, live.release if live else None, keep, sparing)
        gone = []
        for release in sorted(set(notes) - kept):
            try:
                self._unless_busy(f"release {release}", partial(self._schema.drop, release=release))
                gone.append(release)
            except StoreError as error:  # somebody still reads it; the next export tries again
                _LOG.warning("%s", error)
        return gone

    def _claim(self, cursor: Cursor, release: Release, part: Part) -> bool:
        """Whether the part is this transaction's to write; waits for another one that is at it."""
        cursor.execute(
            self._schema.about(
                "SELECT 1 FROM {} WHERE release = %s AND fingerprint = %s AND state = 'loading' FOR SHARE",
                RELEASES_TABLE,
            ),
            (release.run_id, release.fingerprint),
        )
        if cursor.fetchone() is None:
            raise StoreError(OVERTAKEN)
        cursor.execute(
            self._schema.about(
                "INSERT INTO {} VALUES (%s, %s, 0, 0, 0) ON CONFLICT DO NOTHING", "parts"
            ),
            (release.run_id, part.number),
        )
        return cursor.rowcount == 1

    def _write(self, cursor: Cursor, release: Release, part: Part, lists: PartLists) -> Written:
        table, rows = release_table(part.table, release.run_id), lists.rows
        size = 0
        if release.base is not None and lists.unchanged:
            copied = self._copy_unchanged(cursor, release.base, table, part, lists)
            if copied is not None:
                size, rows = copied, lists.sent
        size += self._send(cursor, part.table, table, rows)
        return Written(part.number, len(rows), len(lists.rows) - len(rows), size)

    def _send(self, cursor: Cursor, kind: ListTable, table: str, rows: pa.Table) -> int:
        if not len(rows):
            return 0
        names = sql.SQL(", ").join(map(sql.Identifier, (kind.key, *COLUMNS)))
        command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            self._schema.named(table), names
        )
        size = 0
        with cursor.copy(command) as copy:
            copy.write(HEADER)
            for some in slices(rows):
                encoded = encode_rows(some, kind.key)
                copy.write(encoded)
                size += len(encoded)
            copy.write(TRAILER)
        return size

    def _copy_unchanged(
        self, cursor: Cursor, base: str, table: str, part: Part, lists: PartLists
    ) -> int | None:
        """Copy lists from the base; how many bytes it took to say which.

        `None` where the base is not what it was: then nothing was copied.
        """
        columns = sql.SQL(", ").join(map(sql.Identifier, (part.table.key, *COLUMNS)))
        key = sql.Identifier(part.table.key)
        replaced = [lists.replaced[name].to_pylist() for name in (part.table.key, "placement")]
        statement = sql.SQL(
            "INSERT INTO {new} ({columns}) SELECT {columns} FROM {old} AS old "
            "WHERE (%s::text IS NULL OR {key} >= %s) AND (%s::text IS NULL OR {key} < %s) "
            "AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[]) AS replaced (id, placement) "
            "WHERE replaced.id = old.{key} AND replaced.placement = old.placement)"
        ).format(
            new=self._schema.named(table),
            old=self._schema.named(release_table(part.table, base)),
            columns=columns,
            key=key,
        )
        with cursor.connection.transaction():
            cursor.execute(statement, (part.low, part.low, part.high, part.high, *replaced))
            if cursor.rowcount != lists.unchanged:
                _LOG.warning("release %s of %s was changed by somebody", base, self.name)
                raise Rollback
        if cursor.rowcount != lists.unchanged:
            return None
        return sum(len(text.encode()) for texts in replaced for text in texts)

    @contextmanager
    def _session(self) -> Iterator[Cursor]:
        try:
            with in_a_sentence(), open_session(self._uri, self._secret) as cursor:
                yield cursor
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            raise StoreError(
                "somebody else locks tables of the export. End that transaction, or wait for it."
            ) from error

    def _unless_busy(self, what: str, action: Callable[[Cursor], None]) -> None:
        """Do what needs a lock that readers hold for a moment, again and again.

        Whoever waits for such a lock keeps all readers behind it waiting: so it never waits long.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with in_a_sentence(), open_session(self._uri, self._secret) as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
                    action(cursor)
                return
            except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{what} could not be changed within {_PATIENCE_SECONDS:.0f} seconds, because somebody reads, "
                        "or a former export still writes, in one long transaction. End it."
                    ) from error
            time.sleep(_LOCK_MILLISECONDS / 1000)
