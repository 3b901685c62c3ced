"""The same bytes by clients without Spark, and rows one by one, for comparison with an export.

Clients either have all bytes ready when the clock starts, or read the lake's files and encode them as they go, as an
export does.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import redis
from stores_data import LENGTH, RUNS

from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import RECOMMENDATIONS
from toplists.publish.stores.columns import buckets_of, slices
from toplists.publish.stores.copy_format import COLUMNS, HEADER, TRAILER, encode_rows
from toplists.publish.stores.parts import ListFiles, cut_lists, read_part
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.redis_commands import set_lists
from toplists.reader.layouts import PERSONAL

_TABLE = """
    CREATE TABLE {} (user_id text COLLATE "C" NOT NULL, placement text COLLATE "C" NOT NULL,
    item_ids text[] NOT NULL, scores float8[] NOT NULL, sources text[] NOT NULL,
    source_counts int4[] NOT NULL, short_reason text) WITH (toast_tuple_target = 8160)
"""
_SINGLE_SECONDS = 10.0

Work = Callable[[Iterable[Any]], None]


def copy_to_postgres(dataset: Dataset, uri: str, clients: int, *, ready: bool) -> float:
    """Seconds of COPY by so many clients at once, key and count included; with `ready`, of bytes that are there."""
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("DROP TABLE IF EXISTS plain")
        admin.execute(_TABLE.format("plain"))
        rows = PostgresStore.rows_per_part
        began, _ = _at_once(dataset, clients, rows, _encoded, _Copying(uri), ready=ready)
        admin.execute("ALTER TABLE plain ADD PRIMARY KEY (user_id, placement)")
        admin.execute("ANALYZE plain (user_id, placement)")
        admin.execute("SELECT count(*) FROM plain")
        return time.perf_counter() - began


def insert_into_postgres(dataset: Dataset, uri: str) -> dict[str, float]:
    """Items per second of INSERT: a row per user with arrays, and a row per user and item, one by one."""
    files = partition_files(dataset, RECOMMENDATIONS, run_id=RUNS[0])
    users = next(_tables(files, PostgresStore.rows_per_part))
    rates = {}
    with psycopg.connect(uri) as connection:
        connection.execute("DROP TABLE IF EXISTS single, pairs")
        connection.execute(_TABLE.format("single"))
        connection.execute("ALTER TABLE single ADD PRIMARY KEY (user_id, placement)")
        connection.execute(
            "CREATE TABLE pairs (user_id text, place int, item_id text, score float8, PRIMARY KEY (user_id, place))"
        )
        insert = "INSERT INTO single VALUES (%s, 'default', %s, %s, '{personal}', '{50}', NULL)"
        lists = (
            (
                row["user_id"],
                [e["item_id"] for e in row["items"]],
                [e["score"] for e in row["items"]],
            )
            for row in _rows(users)
        )
        rates["row per user"] = _rate(connection, insert, lists) * LENGTH
        pairs = (
            (row["user_id"], place, entry["item_id"], entry["score"])
            for row in _rows(users)
            for place, entry in enumerate(row["items"])
        )
        rates["row per user and item"] = _rate(
            connection, "INSERT INTO pairs VALUES (%s, %s, %s, %s)", pairs
        )
    return rates


def send_to_redis(dataset: Dataset, uri: str, clients: int, buckets: int, *, ready: bool) -> float:
    """Seconds of HSET by so many clients at once, likewise."""
    with redis.Redis.from_url(uri, password=os.environ["STORE_PASSWORD"]) as client:
        client.flushall()
    rows = RedisStore.rows_per_part
    began, ended = _at_once(dataset, clients, rows, _Commands(buckets), _Sending(uri), ready=ready)
    return ended - began


class _Copying:
    """COPY of encoded rows on a connection of its own."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __call__(self, parts: Iterable[Sequence[bytes]]) -> None:
        command = f"COPY plain (user_id, {', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
        with psycopg.connect(self._uri) as connection, connection.cursor() as cursor:
            for part in parts:
                with cursor.copy(command) as copy:
                    copy.write(HEADER)
                    for some in part:
                        copy.write(some)
                    copy.write(TRAILER)
                connection.commit()


class _Commands:
    """What is sent to Redis of a table: commands, and how many they are."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets

    def __call__(self, table: pa.Table) -> list[tuple[bytes, int]]:
        numbers = buckets_of(table, "user_id", self._buckets)
        commands = set_lists(numbers, table, "user_id", "plain:{{u:{}}}".format)
        return [(bytes(content), count) for content, count in commands]


class _Sending:
    """Commands on a connection of its own, and their answers."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __call__(self, parts: Iterable[Sequence[tuple[bytes, int]]]) -> None:
        client = redis.Redis.from_url(self._uri, password=os.environ["STORE_PASSWORD"])
        connection = client.connection_pool.get_connection()
        for part in parts:
            for content, count in part:
                connection.send_packed_command([content])
                for _ in range(count):
                    connection.read_response()
        connection.disconnect()


def _encoded(table: pa.Table) -> list[bytes]:
    return [bytes(encode_rows(some, "user_id")) for some in slices(table)]


def _at_once(
    dataset: Dataset,
    clients: int,
    rows: int,
    make: Callable[[pa.Table], Any],
    work: Work,
    *,
    ready: bool,
) -> tuple[float, float]:
    """When clients began, and when the last ended."""
    context = mp.get_context("fork")
    all_there = context.Barrier(clients + 1)
    files = partition_files(dataset, RECOMMENDATIONS, run_id=RUNS[0])

    def run(number: int) -> None:
        parts: Iterable[Any] = (make(table) for table in _tables(files[number::clients], rows))
        if ready:
            parts = list(parts)
        all_there.wait()
        work(parts)

    processes = [context.Process(target=run, args=(number,)) for number in range(clients)]
    for process in processes:
        process.start()
    all_there.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
        assert process.exitcode == 0, "a client failed"
    return began, time.perf_counter()


def _tables(files: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Lists of about so many users each, read as tasks read them."""
    for piece in cut_lists([ListFiles(PERSONAL, tuple(files))], rows).pieces:
        yield read_part(piece, 0.0, has_base=False, coded=True).rows


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.select(["user_id", "items"]).to_batches(max_chunksize=500):
        yield from batch.to_pylist()


def _rate(
    connection: psycopg.Connection[Any], statement: str, rows: Iterator[tuple[Any, ...]]
) -> float:
    """Rows per second, one statement each, in one transaction."""
    began, done = time.perf_counter(), 0
    for row in rows:
        connection.execute(statement, row)
        done += 1
        if time.perf_counter() - began > _SINGLE_SECONDS:
            break
    connection.commit()
    return done / (time.perf_counter() - began)
