"""Lists read from Postgres, as `docs/stores.md` lays them out: one statement per question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from threading import Lock
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from toplists.reader.addresses import split_or_refuse, without_secrets
from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.layouts import (
    LAYOUT,
    LIVE_TABLE,
    PERSONAL,
    POPULAR,
    RELEASES_TABLE,
    SIMILAR,
    ListTable,
    release_table,
)
from toplists.reader.lists import Lists
from toplists.reader.packing import make_list
from toplists.reader.records import Publication, RecommendationList
from toplists.reader.releases import Asked, KeepsReleases, Pair, UserItems, side_by_side

_ROWS_AT_ONCE = 2_000
_UNLESS_GIVEN = {
    "connect_timeout": "10",
    "application_name": "toplists reader",
    # A server that is gone without a word is noticed within half a minute, not after hours.
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
}
_LISTED = """
    run_id, item_ids, scores, sources, source_counts, short_reason,
    (SELECT as_of FROM {live}) AS as_of, (SELECT layout FROM {live}) AS layout
"""
_OF_KEY = f"SELECT {_LISTED} FROM {{view}} WHERE {{key}} = %(key)s AND placement = %(placement)s"  # noqa: S608 - names are quoted
# A user's own list is looked for again: a statement sees one release, and two may see two.
_OR_POPULAR = f"""
    SELECT * FROM (
        SELECT 0 AS turn, {_LISTED} FROM {{users}}
        WHERE user_id = %(user)s AND placement = %(placement)s
        UNION ALL
        SELECT CASE segment WHEN %(segment)s THEN 1 ELSE 2 END, {_LISTED} FROM {{popular}}
        WHERE segment IN (%(segment)s, 'all') AND placement = %(placement)s
    ) AS lists ORDER BY turn LIMIT 1
"""  # noqa: S608 - names are quoted

_Row = Mapping[str, Any]
_Connection = psycopg.Connection[dict[str, Any]]


def open_postgres(address: str, password: str | None = None) -> PostgresLists:
    """The lists at `postgresql://USER@HOST:PORT/DATABASE#NAMESPACE`.

    A password comes from the address, else it is `password`, else what `PGPASSWORD` or `~/.pgpass` says.

    Raises:
        AddressError: the address cannot be understood.
    """
    return PostgresLists(address, password)


class PostgresLists(Lists, KeepsReleases):
    """What `Lists` promises. A connection per thread that asks at the same time; broken ones are replaced."""

    def __init__(self, address: str, password: str | None = None) -> None:
        """See `open_postgres`."""
        uri, namespace = split_or_refuse(address)
        self._shown = without_secrets(address)
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(uri).items()}
            known = {} if password is None else {"password": password}
            self._conninfo = make_conninfo(**{**_UNLESS_GIVEN, **known, **given})
            understood = given.get("port", "0").replace(",", "").isdecimal()
        except psycopg.Error:  # which quotes parts of the address
            understood = False
        if not understood:
            raise AddressError(
                f"{self._shown} cannot be understood as an address of Postgres. Signs such as @, /, : and # "
                "in a user or password are written as %40, %2F, %3A and %23."
            )
        self._namespace = namespace
        self._idle: list[_Connection] = []
        self._lock = Lock()
        names = {
            "live": self._name(LIVE_TABLE),
            "users": self._name(PERSONAL.name),
            "popular": self._name(POPULAR.name),
        }
        self._or_popular = sql.SQL(_OR_POPULAR).format(**names).as_bytes()
        self._of_key = {
            table: sql.SQL(_OF_KEY)
            .format(view=self._name(table.name), key=sql.Identifier(table.key), live=names["live"])
            .as_bytes()
            for table in (PERSONAL, SIMILAR, POPULAR)
        }
        self._of_live = sql.SQL("SELECT * FROM {}").format(names["live"]).as_bytes()

    def publication(self) -> Publication | None:
        """See `Lists`."""
        row = self._row(self._of_live, {})
        if row is None:
            return None
        return Publication(**{field.name: row[field.name] for field in fields(Publication)})

    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """See `Lists`."""
        own = self._list(PERSONAL, user_id, placement)
        if own is not None:
            return own
        asked = {"user": user_id, "placement": placement, "segment": segment}
        row = self._row(self._or_popular, asked)
        return None if row is None else replace(_list_of(row), fallback=row["turn"] > 0)

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """See `Lists`."""
        return self._list(SIMILAR, item_id, placement)

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """See `Lists`."""
        return self._list(POPULAR, segment, placement)

    def releases(self) -> list[str]:
        """See `KeepsReleases`."""
        query = "SELECT release FROM {} WHERE state = 'complete' ORDER BY release"
        try:
            with self._connect() as connection:
                rows = connection.execute(sql.SQL(query).format(self._name(RELEASES_TABLE)))
                return [row["release"] for row in rows]
        except psycopg.errors.UndefinedTable:
            return []
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def pairs(self, before: str, now: str, asked: Asked) -> Iterator[Pair]:
        """See `KeepsReleases`. A release stays until it is read, whatever an export would remove."""
        try:
            with self._connect() as connection, connection.transaction():
                sides = [
                    self._in_order(connection, name, release, asked)
                    for name, release in (("before", before), ("now", now))
                ]
                yield from side_by_side(*sides)
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _in_order(
        self, connection: _Connection, name: str, release: str, asked: Asked
    ) -> Iterator[UserItems]:
        """The lists of a release in order of users, by a cursor of the server."""
        query = sql.SQL(
            "SELECT user_id, item_ids[1:{places}] AS items FROM {table} "
            "WHERE placement = %(placement)s ORDER BY user_id"
        ).format(
            places=sql.Literal(asked.places), table=self._name(release_table(PERSONAL, release))
        )
        with connection.cursor(name) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            for row in cursor.execute(query, {"placement": asked.placement}):
                yield row["user_id"], row["items"]

    def close(self) -> None:
        """See `Lists`."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _name(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._namespace, name)

    def _list(self, table: ListTable, key: str, placement: str) -> RecommendationList | None:
        row = self._row(self._of_key[table], {"key": key, "placement": placement})
        return None if row is None else _list_of(row)

    def _row(self, query: bytes, asked: Mapping[str, str]) -> _Row | None:
        """The first row of an answer; `None` where there is none, or no table yet.

        Raises:
            ListsUnavailableError: the server does not answer, or it is of another layout.
        """
        row = self._unchecked_row(query, asked)
        if row is not None and row["layout"] != LAYOUT:
            raise ListsUnavailableError(
                f"{self._shown} cannot be read: it is of layout {row['layout']}, not {LAYOUT}. Update this "
                "reader to the release that exports."
            )
        return row

    def _unchecked_row(self, query: bytes, asked: Mapping[str, str]) -> _Row | None:
        for value in asked.values():
            value.encode("utf-8")
        # Postgres has no text with NUL, and nothing is called "".
        asked = {name: "" if "\0" in value else value for name, value in asked.items()}
        try:
            return self._ask(query, asked)
        except (psycopg.OperationalError, psycopg.InternalError):
            # The server was restarted, or a release went while it was read. Idle connections may be as old.
            self.close()
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.Error as error:
            raise self._unavailable(error) from error
        try:
            return self._ask(query, asked)
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _ask(self, query: bytes, asked: Mapping[str, str]) -> _Row | None:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            with connection.cursor(binary=True) as cursor:
                found: _Row | None = cursor.execute(query, asked).fetchone()
        except BaseException:
            with suppress(psycopg.Error):
                connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return found

    def _connect(self) -> _Connection:
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,  # a pooler may give the next statement to another server process
        )

    def _unavailable(self, error: psycopg.Error) -> ListsUnavailableError:
        said: Sequence[str] = str(error).strip().splitlines() or [type(error).__name__]
        return ListsUnavailableError(f"{self._shown} cannot be read: {said[0].rstrip('.')}.")


def _list_of(row: _Row) -> RecommendationList:
    found = make_list(
        row["run_id"],
        row["item_ids"],
        row["scores"],
        row["sources"],
        row["source_counts"],
        row["short_reason"],
    )
    return replace(found, as_of=row["as_of"])
