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
from stores.conformance import Seen, StoreConformance
from stores.runs import Run

from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.secrets import Secret
from toplists.reader.layouts import PERSONAL, ListTable, release_table


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
