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
from dataclasses import asdict
from datetime import datetime
from functools import partial

import pyarrow as pa
from psycopg import Rollback, errors, sql

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.columns import slices
from toplists.publish.stores.copy_format import COLUMNS, HEADER, TRAILER, encode_rows
from toplists.publish.stores.postgres_session import Cursor, in_a_sentence, open_session
from toplists.publish.stores.secrets import Secret
from toplists.publish.stores.store import (
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
    LAYOUT,
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
_SHOWN = ("placement", "{key}", "item_ids", "scores", "sources", "source_counts", "short_reason")
_LISTS = """
    {key} text COLLATE "C" NOT NULL, placement text COLLATE "C" NOT NULL, item_ids text[] NOT NULL,
    scores float8[] NOT NULL, sources text[] NOT NULL, source_counts int4[] NOT NULL, short_reason text
"""
_ARRAYS = ("item_ids", "scores", "sources", "source_counts")
_OWN_TABLES = {
    RELEASES_TABLE: """
        release text PRIMARY KEY, dataset text NOT NULL, run_id text NOT NULL, state text NOT NULL,
        fingerprint text NOT NULL, generation int NOT NULL, began timestamptz NOT NULL
    """,
    "parts": """
        release text, part int, sent bigint NOT NULL, copied bigint NOT NULL, bytes bigint NOT NULL,
        PRIMARY KEY (release, part)
    """,
    LIVE_TABLE: """
        layout int NOT NULL, dataset text NOT NULL, release text NOT NULL, sequence bigint NOT NULL,
        run_id text NOT NULL, action text NOT NULL, as_of date NOT NULL, previous_run_id text,
        bad_run_id text, published_at timestamptz NOT NULL, activated_at timestamptz NOT NULL,
        expires_at timestamptz
    """,
}
_LIVE_COLUMNS = (
    *("layout", "dataset", "release", "sequence", "run_id", "action", "as_of", "previous_run_id"),
    *("bad_run_id", "published_at", "activated_at"),
)


class PostgresStore(Store):
    """A schema of a database."""

    def __init__(self, name: str, address: str, secret: Secret) -> None:
        """A store at `address`, see `docs/stores.md`."""
        super().__init__(name)
        self._uri, self._schema = split_address(address)
        self._secret = secret

    def live(self) -> LiveRelease | None:
        """See `Store`."""
        with self._session() as cursor:
            if not self._is_there(cursor, LIVE_TABLE):
                return None
            cursor.execute(self._sql("SELECT * FROM {}", LIVE_TABLE))
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
            found = self._notes(cursor)
            if release not in found:
                self._require_free(cursor, release)
            return found.get(release)

    def prepare(
        self,
        release: Release,
        *,
        resume: bool,
        sample: Mapping[str, pa.Table],  # noqa: ARG002 - nobody says how much room there is
    ) -> list[Written]:
        """See `Store`."""
        with self._session() as cursor:
            self._create_schema(cursor)
            self._require_ours(cursor, release.dataset)
            notes = self._notes(cursor).get(release.run_id)
            if notes is None:
                self._require_free(cursor, release.run_id)
            elif resume and notes.fingerprint == release.fingerprint:
                return self._parts(cursor, release.run_id)
            else:
                self._drop(cursor, release.run_id)
            with written("release of Postgres"):
                self._create(cursor, release)
                cursor.connection.commit()
        return []

    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """See `Store`."""
        with self._session() as cursor:
            if not self._claim(cursor, release, part):
                return self._parts(cursor, release.run_id, part.number)[0]
            done = self._write(cursor, release, part, lists)
            cursor.execute(
                self._sql(
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
                self._add_key(cursor, table, release_table(table, release.run_id))
                self._count(cursor, table, release)
            cursor.execute(
                self._sql("UPDATE {} SET state = 'complete' WHERE release = %s", RELEASES_TABLE),
                (release.run_id,),
            )

    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        """See `Store`."""
        live = LiveRelease(dataset, run_id, publication, now)

        def switch(cursor: Cursor) -> None:
            for table in LIST_TABLES:
                self._show(cursor, table, run_id)
            self._set_live(cursor, live)

        self._unless_busy("the views", switch)

    def prune(self, keep: int, sparing: str | None = None) -> list[str]:
        """See `Store`."""
        live = self.live()
        with self._session() as cursor:
            notes = self._notes(cursor)
        kept = kept_releases(notes, live.release if live else None, keep, sparing)
        gone = []
        for release in sorted(set(notes) - kept):
            try:
                self._unless_busy(f"release {release}", partial(self._drop, release=release))
                gone.append(release)
            except StoreError as error:  # somebody still reads it; the next export tries again
                _LOG.warning("%s", error)
        return gone

    def _create_schema(self, cursor: Cursor) -> None:
        cursor.execute("SELECT to_regnamespace(%s) AS found", (f'"{self._schema}"',))
        row = cursor.fetchone()
        with written("schema of Postgres"):
            if row is None or row["found"] is None:
                cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self._schema)))
            for name, columns in _OWN_TABLES.items():
                if not self._is_there(cursor, name):
                    cursor.execute(self._sql(f"CREATE TABLE {{}} ({columns})", name))
            cursor.connection.commit()

    def _create(self, cursor: Cursor, release: Release) -> None:
        # Nobody looks for what is in an array: statistics of millions of elements would take longer than COPY.
        unlooked = ", ".join(f"ALTER {column} SET STATISTICS 0" for column in _ARRAYS)
        for table in LIST_TABLES:
            name, columns = release_table(table, release.run_id), _LISTS.format(key=table.key)
            # Rows that fit into a page stay in it as they are: a look-up unpacks nothing.
            cursor.execute(
                self._sql(f"CREATE TABLE {{}} ({columns}) WITH (toast_tuple_target = 8160)", name)
            )
            cursor.execute(self._sql(f"ALTER TABLE {{}} {unlooked}", name))
        cursor.execute(
            self._sql("INSERT INTO {} VALUES (%s, %s, %s, 'loading', %s, %s, %s)", RELEASES_TABLE),
            (
                *(release.run_id, release.dataset, release.run_id, release.fingerprint),
                *(release.generation, release.began),
            ),
        )

    def _claim(self, cursor: Cursor, release: Release, part: Part) -> bool:
        """Whether the part is this transaction's to write; waits for another one that is at it."""
        cursor.execute(
            self._sql(
                "SELECT 1 FROM {} WHERE release = %s AND fingerprint = %s AND state = 'loading' FOR SHARE",
                RELEASES_TABLE,
            ),
            (release.run_id, release.fingerprint),
        )
        if cursor.fetchone() is None:
            raise StoreError("another export has begun this release anew meanwhile.")
        cursor.execute(
            self._sql("INSERT INTO {} VALUES (%s, %s, 0, 0, 0) ON CONFLICT DO NOTHING", "parts"),
            (release.run_id, part.number),
        )
        return cursor.rowcount == 1

    def _write(self, cursor: Cursor, release: Release, part: Part, lists: PartLists) -> Written:
        table, rows = release_table(part.table, release.run_id), lists.rows
        size = 0
        if release.base is not None and lists.unchanged:
            copied = self._copy_unchanged(cursor, release.base, table, part, lists)
            if copied is not None:
                size, rows = copied, rows.filter(pa.array(lists.changed))
        size += self._send(cursor, part.table, table, rows)
        return Written(part.number, len(rows), len(lists.rows) - len(rows), size)

    def _send(self, cursor: Cursor, kind: ListTable, table: str, rows: pa.Table) -> int:
        if not len(rows):
            return 0
        names = sql.SQL(", ").join(map(sql.Identifier, (kind.key, *COLUMNS)))
        command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            self._named(table), names
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
            new=self._named(table),
            old=self._named(release_table(part.table, base)),
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

    def _add_key(self, cursor: Cursor, kind: ListTable, table: str) -> None:
        cursor.execute(
            "SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
            (self._named(table).as_string(cursor),),
        )
        if cursor.fetchone() is None:
            with written("key in Postgres"):
                cursor.execute(
                    self._sql(f"ALTER TABLE {{}} ADD PRIMARY KEY ({kind.key}, placement)", table)
                )
                cursor.execute(self._sql("ANALYZE {}", table))
                cursor.connection.commit()

    def _count(self, cursor: Cursor, kind: ListTable, release: Release) -> None:
        cursor.execute(
            self._sql("SELECT count(*) AS lists FROM {}", release_table(kind, release.run_id))
        )
        row = cursor.fetchone()
        found = 0 if row is None else row["lists"]
        if found != release.rows[kind.name]:
            raise StoreError(
                f"{found:,} of {release.rows[kind.name]:,} lists of {kind.name} arrived."
            )

    def _show(self, cursor: Cursor, kind: ListTable, run_id: str) -> None:
        columns = sql.SQL(", ").join(sql.Identifier(name.format(key=kind.key)) for name in _SHOWN)
        with written("view of Postgres"):
            # Replaced, not dropped: what was granted on it stays.
            cursor.execute(
                sql.SQL(
                    "CREATE OR REPLACE VIEW {} AS SELECT {}::text AS run_id, {} FROM {}"
                ).format(
                    self._named(kind.name),
                    sql.Literal(run_id),
                    columns,
                    self._named(release_table(kind, run_id)),
                )
            )

    def _set_live(self, cursor: Cursor, live: LiveRelease) -> None:
        values = {
            **asdict(live.publication),
            "layout": LAYOUT,
            "dataset": live.dataset,
            "release": live.release,
            "activated_at": live.activated_at,
        }
        names = sql.SQL(", ").join(map(sql.Identifier, _LIVE_COLUMNS))
        places = sql.SQL(", ").join(map(sql.Placeholder, _LIVE_COLUMNS))
        cursor.execute(self._sql("DELETE FROM {}", LIVE_TABLE))
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                self._named(LIVE_TABLE), names, places
            ),
            values,
        )

    def _drop(self, cursor: Cursor, release: str) -> None:
        with written("removal of a release of Postgres"):
            for table in LIST_TABLES:
                cursor.execute(self._sql("DROP TABLE IF EXISTS {}", release_table(table, release)))
            for notes in ("parts", RELEASES_TABLE):
                cursor.execute(self._sql("DELETE FROM {} WHERE release = %s", notes), (release,))
            cursor.connection.commit()

    def _notes(self, cursor: Cursor) -> dict[str, Notes]:
        if not self._is_there(cursor, RELEASES_TABLE):
            return {}
        cursor.execute(self._sql("SELECT * FROM {}", RELEASES_TABLE))
        return {row.pop("release"): Notes(**row) for row in cursor.fetchall()}

    def _parts(self, cursor: Cursor, release: str, part: int | None = None) -> list[Written]:
        cursor.execute(
            self._sql(
                "SELECT part, sent, copied, bytes FROM {} WHERE release = %s AND (%s::int IS NULL OR part = %s)",
                "parts",
            ),
            (release, part, part),
        )
        return [Written(**row) for row in cursor.fetchall()]

    def _require_ours(self, cursor: Cursor, dataset: str) -> None:
        others = {notes.dataset for notes in self._notes(cursor).values()} - {dataset}
        if others:
            raise StoreError(
                f"schema {self._schema} holds the lists of dataset {', '.join(sorted(others))}. Give this one a "
                "namespace of its own behind # in the address."
            )

    def _require_free(self, cursor: Cursor, release: str) -> None:
        for table in LIST_TABLES:
            name = release_table(table, release)
            if self._is_there(cursor, name):
                raise StoreError(
                    f"schema {self._schema} has a table {name} that no export made. Rename or drop it."
                )

    def _is_there(self, cursor: Cursor, name: str) -> bool:
        cursor.execute("SELECT to_regclass(%s) AS found", (self._named(name).as_string(cursor),))
        row = cursor.fetchone()
        return row is not None and row["found"] is not None

    def _named(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)

    def _sql(self, statement: str, name: str) -> sql.Composed:
        """The statement, about the relation of that name."""
        return sql.SQL(statement).format(self._named(name))

    @contextmanager
    def _session(self) -> Iterator[Cursor]:
        with in_a_sentence(), open_session(self._uri, self._secret) as cursor:
            yield cursor

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
                        f"{what} could not be changed within {_PATIENCE_SECONDS:.0f} seconds, because somebody reads "
                        "in one long transaction. End it."
                    ) from error
            time.sleep(_LOCK_MILLISECONDS / 1000)
