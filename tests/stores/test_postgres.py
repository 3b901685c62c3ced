"""Postgres as a store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from store_servers import PASSWORD, Server
from stores.conformance import Seen, StoreConformance, people
from stores.runs import NOW, Run, Work

from toplists.errors import StoreError
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.postgres_session import open_session
from toplists.publish.stores.secrets import Secret
from toplists.reader.layouts import PERSONAL, SIMILAR, ListTable, release_table


class Place:
    """A schema that nobody has used, and how an application reads in it."""

    def __init__(self, server: Server) -> None:
        self.schema = f"s-{uuid4().hex[:12]}"
        self.uri = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        self.store = PostgresStore(
            "main", f"{self.uri}#{self.schema}", Secret("env:STORE_PASSWORD")
        )

    @cached_property
    def reader(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.uri, password=PASSWORD, autocommit=True)

    def query(self, statement: str, *values: object, **names: str) -> list[tuple[Any, ...]]:
        """Rows of a statement in which `{name}` is a relation of the schema."""
        relations = {name: sql.Identifier(self.schema, one) for name, one in names.items()}
        cursor = self.reader.execute(sql.SQL(statement).format(**relations), values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def place(postgres_server: Server) -> Iterator[Place]:
    place = Place(postgres_server)
    yield place
    place.reader.close()


class TestPostgres(StoreConformance):
    @pytest.fixture
    def store(self, place: Place) -> Iterator[PostgresStore]:
        self.place = place
        return place.store

    def look(self, store: PostgresStore, table: ListTable, key: str) -> Seen | None:
        rows = self.place.query(
            "SELECT run_id, item_ids, scores, sources, source_counts, short_reason FROM {view} "
            f"WHERE {table.key} = %s AND placement = 'default'",
            key,
            view=table.name,
        )
        if not rows:
            return None
        ((run_id, ids, scores, sources, counts, reason),) = rows
        expanded = [s for s, n in zip(sources, counts, strict=True) for _ in range(n)]
        return Seen(run_id, list(zip(ids, scores, expanded, strict=True)), reason)

    def harm(self, store: PostgresStore, run: Run, user: str) -> None:
        table = release_table(PERSONAL, run.run_id)
        self.place.query("DELETE FROM {table} WHERE user_id = %s", user, table=table)

    def occupy(self, store: PostgresStore, run: Run) -> None:
        self.place.query("CREATE TABLE {table} (a int)", table=release_table(PERSONAL, run.run_id))

    def test_tables_that_somebody_dropped_are_noticed_and_loaded_again(
        self, store: PostgresStore
    ) -> None:
        first, second = Run(1, people(20)), Run(2, people(20, "later"))
        Work(first).bring(store)
        Work(second).bring(store)
        live = store.live()
        assert live is not None
        assert store.keep_up(live)
        for run in (first, second):
            lost = release_table(PERSONAL, run.run_id)
            self.place.query("DROP TABLE {table} CASCADE", table=lost)
            assert not store.rollback(run.publication, "films", NOW)
        assert not store.keep_up(live)
        for attempt in (
            "first",
            "second",
            "second",
        ):  # one that dies, one begun anew, one gone on with
            work = Work(second, cuts=["u10"], fingerprint=attempt)
            work.prepare(store, resume=True)
            part = work.parts[0]
            store.write_partition(work.release, part, work.lists(part))
            assert self.look(store, SIMILAR, "film") is not None  # what is left is seen meanwhile
        assert [one.part for one in work.prepare(store, resume=True)] == [0]
        work.bring(store)
        self.check(store, second)
        assert store.keep_up(live)
        assert (
            self.place.query(
                "SELECT relname FROM pg_class WHERE relname LIKE '%%aside' AND relnamespace = %s::regnamespace",
                f'"{self.place.schema}"',
            )
            == []
        )

    def test_a_view_that_somebody_dropped_is_put_back(self, store: PostgresStore) -> None:
        run = Run(1, people(5))
        Work(run).bring(store)
        self.place.query("DROP VIEW {view}", view="similar_items")
        live = store.live()
        assert live is not None
        assert not store.keep_up(live)
        assert store.rollback(run.publication, "films", NOW)
        self.check(store, run)

    def test_a_machine_that_is_lost_in_the_middle_of_a_part_is_noticed(
        self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = Secret("env:STORE_PASSWORD")
        with open_session(self.place.uri, secret) as cursor:
            for name, value in (("idle", "60"), ("interval", "10"), ("count", "6")):
                cursor.execute(f"SHOW tcp_keepalives_{name}")
                assert cursor.fetchone() == {f"tcp_keepalives_{name}": value}
        # Until it is, a new export waits for its part no longer than for a reader.
        monkeypatch.setattr("toplists.publish.stores.postgres._PATIENCE_SECONDS", 0.5)
        work = Work(Run(1, people(5)))
        work.prepare(store, resume=False)
        with open_session(self.place.uri, secret) as cursor:
            assert store._claim(cursor, work.release, work.parts[0])
            with pytest.raises(StoreError, match="former export still writes"):
                Work(work.run, fingerprint="again").prepare(store, resume=False)
            cursor.connection.rollback()  # as the server does when it notices
        work.bring(store)
        self.check(store, work.run)
