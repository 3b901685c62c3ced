"""A schema of Postgres: the tables of releases, the views that show one, and the export's own notes.

Each function is one or two statements in the transaction of the cursor it is given.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from psycopg import sql

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.postgres_session import Cursor
from toplists.publish.stores.store import IncompleteError, Notes, Release, Written
from toplists.reader.layouts import (
    LAYOUT,
    LIST_TABLES,
    LIVE_TABLE,
    RELEASES_TABLE,
    ListTable,
    LiveRelease,
    release_table,
)

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


@dataclass(frozen=True)
class Schema:
    """A schema by its name."""

    name: str

    def create_schema(self, cursor: Cursor) -> None:
        """Create it with the export's own tables, as far as it is not there."""
        cursor.execute("SELECT to_regnamespace(%s) AS found", (f'"{self.name}"',))
        row = cursor.fetchone()
        with written("schema of Postgres"):
            if row is None or row["found"] is None:
                cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.name)))
            for name, columns in _OWN_TABLES.items():
                if not self.is_there(cursor, name):
                    cursor.execute(self.about(f"CREATE TABLE {{}} ({columns})", name))
            cursor.connection.commit()

    def create_release(self, cursor: Cursor, release: Release) -> None:
        """Create the tables of a release, and note that it is being loaded."""
        # Nobody looks for what is in an array: statistics of millions of elements would take longer than COPY.
        unlooked = ", ".join(f"ALTER {column} SET STATISTICS 0" for column in _ARRAYS)
        for table in LIST_TABLES:
            name, columns = release_table(table, release.run_id), _LISTS.format(key=table.key)
            # Rows that fit into a page stay in it as they are: a look-up unpacks nothing.
            cursor.execute(
                self.about(f"CREATE TABLE {{}} ({columns}) WITH (toast_tuple_target = 8160)", name)
            )
            cursor.execute(self.about(f"ALTER TABLE {{}} {unlooked}", name))
        cursor.execute(
            self.about("INSERT INTO {} VALUES (%s, %s, %s, 'loading', %s, %s, %s)", RELEASES_TABLE),
            (
                *(release.run_id, release.dataset, release.run_id, release.fingerprint),
                *(release.generation, release.began),
            ),
        )

    def add_key(self, cursor: Cursor, kind: ListTable, table: str) -> None:
        """Give a table of lists its primary key, if it has none yet, and statistics of that."""
        cursor.execute(
            "SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
            (self.named(table).as_string(cursor),),
        )
        if cursor.fetchone() is None:
            with written("key in Postgres"):
                cursor.execute(
                    self.about(f"ALTER TABLE {{}} ADD PRIMARY KEY ({kind.key}, placement)", table)
                )
                cursor.execute(self.about("ANALYZE {}", table))
                cursor.connection.commit()

    def count(self, cursor: Cursor, kind: ListTable, release: Release) -> None:
        """Look whether all lists of a kind are there.

        Raises:
            IncompleteError: there are fewer, or more.
        """
        cursor.execute(
            self.about("SELECT count(*) AS lists FROM {}", release_table(kind, release.run_id))
        )
        row = cursor.fetchone()
        found = 0 if row is None else row["lists"]
        if found != release.rows[kind.name]:
            raise IncompleteError(
                f"{found:,} of {release.rows[kind.name]:,} lists of {kind.name} arrived. Export again."
            )

    def show(self, cursor: Cursor, kind: ListTable, run_id: str) -> None:
        """Let the view of a kind of lists show those of a run."""
        columns = sql.SQL(", ").join(sql.Identifier(name.format(key=kind.key)) for name in _SHOWN)
        with written("view of Postgres"):
            # Replaced, not dropped: what was granted on it stays.
            cursor.execute(
                sql.SQL(
                    "CREATE OR REPLACE VIEW {} AS SELECT {}::text AS run_id, {} FROM {}"
                ).format(
                    self.named(kind.name),
                    sql.Literal(run_id),
                    columns,
                    self.named(release_table(kind, run_id)),
                )
            )

    def set_live(self, cursor: Cursor, live: LiveRelease) -> None:
        """Say which release is live."""
        values = {
            **asdict(live.publication),
            "layout": LAYOUT,
            "dataset": live.dataset,
            "release": live.release,
            "activated_at": live.activated_at,
        }
        names = sql.SQL(", ").join(map(sql.Identifier, _LIVE_COLUMNS))
        places = sql.SQL(", ").join(map(sql.Placeholder, _LIVE_COLUMNS))
        cursor.execute(self.about("DELETE FROM {}", LIVE_TABLE))
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                self.named(LIVE_TABLE), names, places
            ),
            values,
        )

    def drop(self, cursor: Cursor, release: str) -> None:
        """Remove a release with all that is noted of it."""
        with written("removal of a release of Postgres"):
            for table in LIST_TABLES:
                for name in (release_table(table, release), _aside(table, release)):
                    cursor.execute(self.about("DROP TABLE IF EXISTS {}", name))
            self._forget(cursor, release)
            cursor.connection.commit()

    def set_aside(self, cursor: Cursor, release: str) -> None:
        """Make room for the live release to be loaded again; views show what is left of it meanwhile."""
        with written("damaged release of Postgres"):
            for table in LIST_TABLES:
                name, aside = release_table(table, release), _aside(table, release)
                if self.is_there(cursor, aside):  # from an attempt before
                    cursor.execute(self.about("DROP TABLE IF EXISTS {}", name))
                elif self.is_there(cursor, name):
                    rename = sql.SQL("ALTER TABLE {} RENAME TO {}")
                    cursor.execute(rename.format(self.named(name), sql.Identifier(aside)))
            self._forget(cursor, release)
            cursor.connection.commit()

    def drop_aside(self, cursor: Cursor, release: str) -> None:
        """Remove what was set aside, once no view shows it any more."""
        with written("removal of what was set aside"):
            for table in LIST_TABLES:
                cursor.execute(self.about("DROP TABLE IF EXISTS {}", _aside(table, release)))

    def _forget(self, cursor: Cursor, release: str) -> None:
        for notes in ("parts", RELEASES_TABLE):
            cursor.execute(self.about("DELETE FROM {} WHERE release = %s", notes), (release,))

    def notes(self, cursor: Cursor) -> dict[str, Notes]:
        """What is known of every release, by its name."""
        if not self.is_there(cursor, RELEASES_TABLE):
            return {}
        cursor.execute(self.about("SELECT * FROM {}", RELEASES_TABLE))
        return {row.pop("release"): Notes(**row) for row in cursor.fetchall()}

    def parts(self, cursor: Cursor, release: str, part: int | None = None) -> list[Written]:
        """The parts of a release that are there, or one of them."""
        cursor.execute(
            self.about(
                "SELECT part, sent, copied, bytes FROM {} WHERE release = %s AND (%s::int IS NULL OR part = %s)",
                "parts",
            ),
            (release, part, part),
        )
        return [Written(**row) for row in cursor.fetchall()]

    def require_ours(self, cursor: Cursor, dataset: str) -> None:
        """Refuse a schema of another dataset.

        Raises:
            StoreError: it is one.
        """
        others = {notes.dataset for notes in self.notes(cursor).values()} - {dataset}
        if others:
            raise StoreError(
                f"schema {self.name} holds the lists of dataset {', '.join(sorted(others))}. Give this one a "
                "namespace of its own behind # in the address."
            )

    def require_free(self, cursor: Cursor, release: str) -> None:
        """Refuse the name of a release that somebody else has used.

        Raises:
            StoreError: somebody has.
        """
        for table in LIST_TABLES:
            name = release_table(table, release)
            if self.is_there(cursor, name):
                raise StoreError(
                    f"schema {self.name} has a table {name} that no export made. Rename or drop it."
                )

    def has_release(self, cursor: Cursor, release: str) -> bool:
        """Whether all tables of a release are there."""
        return all(self.is_there(cursor, release_table(table, release)) for table in LIST_TABLES)

    def has_views(self, cursor: Cursor) -> bool:
        """Whether what readers use is there."""
        return all(self.is_there(cursor, table.name) for table in LIST_TABLES)

    def is_there(self, cursor: Cursor, name: str) -> bool:
        """Whether there is a relation of that name."""
        cursor.execute("SELECT to_regclass(%s) AS found", (self.named(name).as_string(cursor),))
        row = cursor.fetchone()
        return row is not None and row["found"] is not None

    def named(self, name: str) -> sql.Identifier:
        """The relation of that name."""
        return sql.Identifier(self.name, name)

    def about(self, statement: str, name: str) -> sql.Composed:
        """The statement, about the relation of that name."""
        return sql.SQL(statement).format(self.named(name))


def _aside(kind: ListTable, release: str) -> str:
    """The table of the live release that another one takes the place of."""
    return f"{release_table(kind, release)}_aside"
