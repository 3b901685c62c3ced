"""What can go wrong with a server: a sentence without secrets, the former release stays, and resuming works."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import redis
from psycopg import sql
from store_servers import (
    PASSWORD,
    Server,
    free_port,
    run_postgres,
    run_redis,
    wait_for_postgres,
    wait_for_redis,
)
from stores.conformance import people
from stores.runs import DATASET, NOW, Run, Work, entries

from toplists.errors import StoreError
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.secrets import Secret
from toplists.publish.stores.store import Store
from toplists.reader.layouts import PERSONAL, release_table

OURS = Secret("env:STORE_PASSWORD")


def refused(error: pytest.ExceptionInfo[StoreError], *words: str) -> None:
    """The sentence says what is wrong, and no secret."""
    said = str(error.value)
    for word in words:
        assert word in said, said
    assert "\n" not in said
    assert said.endswith(".")
    # Nor does anything that a traceback would print.
    link: BaseException | None = error.value
    while link is not None:
        assert PASSWORD not in str(link)
        link = link.__cause__ or link.__context__


@pytest.fixture
def postgres() -> Iterator[Server]:
    """A server of its own, which may be killed."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def private_redis() -> Iterator[Server]:
    """Likewise."""
    with run_redis() as server:
        yield server


def address(server: Server, user: str = "postgres") -> str:
    return f"postgresql://{user}@127.0.0.1:{server.port}/postgres"


def seen(store: Store) -> str | None:
    live = store.live()
    return None if live is None else live.release


@pytest.mark.process
def test_postgres_that_is_killed_in_the_middle_of_the_load(postgres: Server) -> None:
    store = PostgresStore("main", address(postgres), OURS)
    first, second = Run(1, people(50)), Run(2, people(50, "later"))
    Work(first).bring(store)
    work = Work(second, cuts=["u10", "u20", "u30"])
    work.prepare(store, resume=False)
    parts = work.parts
    store.write_partition(work.release, parts[0], work.lists(parts[0]))
    postgres.end(signal.SIGQUIT)  # at once, as when the machine goes
    with pytest.raises(StoreError) as error:
        store.write_partition(work.release, parts[1], work.lists(parts[1]))
    refused(error, "Look whether the server runs")
    postgres.start()
    wait_for_postgres(postgres)
    assert seen(store) == first.run_id
    assert [one.part for one in work.prepare(store, resume=True)] == [0]
    work.bring(store)
    assert seen(store) == second.run_id


@pytest.mark.process
def test_postgres_that_goes_while_a_part_is_sent(postgres: Server) -> None:
    store = PostgresStore("main", address(postgres), OURS)
    work = Work(Run(1, people(30_000)))
    work.prepare(store, resume=False)

    def end_it() -> None:
        with psycopg.connect(address(postgres), password=PASSWORD, autocommit=True) as other:
            busy = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%%' AND pid <> pg_backend_pid()"
            while not (found := other.execute(busy).fetchall()):
                pass
            for (pid,) in found:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))

    ending = threading.Thread(target=end_it)
    ending.start()
    with pytest.raises(StoreError) as error:
        write_until_it_fails(store, work)
    ending.join()
    refused(error)
    work.bring(store)
    assert seen(store) == work.run.run_id


def write_until_it_fails(store: Store, work: Work) -> None:
    lists = work.lists(work.parts[0])
    while True:
        store.write_partition(work.release, work.parts[0], lists)
        work.prepare(store, resume=False)


@pytest.mark.process
def test_redis_that_is_killed_in_the_middle_of_the_load(private_redis: Server) -> None:
    store = RedisStore("cache", f"redis://127.0.0.1:{private_redis.port}", OURS, 14.0)
    first, second = Run(1, people(50)), Run(2, people(50, "later"))
    Work(first).bring(store)
    work = Work(second, first, cuts=["u10", "u20"])
    work.prepare(store, resume=False)
    parts = work.parts
    store.write_partition(work.release, parts[0], work.lists(parts[0]))
    private_redis.end(signal.SIGKILL)
    with pytest.raises(StoreError) as error:
        store.write_partition(work.release, parts[1], work.lists(parts[1]))
    refused(error, "Look whether the server runs")
    private_redis.start()  # it has kept nothing
    wait_for_redis(private_redis)
    assert seen(store) is None
    work.bring(store)
    assert seen(store) == second.run_id


def test_nobody_listens() -> None:
    port = free_port()
    for store in (
        PostgresStore("main", f"postgresql://somebody@127.0.0.1:{port}/shop", OURS),
        RedisStore("cache", f"redis://127.0.0.1:{port}", OURS, 14.0),
    ):
        with pytest.raises(StoreError) as error:
            store.live()
        refused(error, str(port), "Look whether the server runs")


def test_the_secret_is_not_where_it_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STORE_PASSWORD")
    for secret in (OURS, Secret(f"file:{tmp_path / 'none'}")):
        for store in (
            PostgresStore("main", "postgresql://127.0.0.1/shop", secret),
            RedisStore("cache", "redis://127.0.0.1", secret, 14.0),
        ):
            with pytest.raises(StoreError) as error:
                store.live()
            refused(error, "`secret` names")


def test_a_secret_in_a_file(postgres_server: Server, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    secret = Secret(f"file:{tmp_path / 'password'}")
    store = PostgresStore("main", f"{address(postgres_server)}#empty", secret)
    assert store.live() is None


def test_a_wrong_password(
    postgres_server: Server, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "wr0ng-one")
    for store in (
        PostgresStore("main", address(postgres_server), OURS),
        RedisStore("cache", f"redis://127.0.0.1:{redis_server.port}", OURS, 14.0),
    ):
        with pytest.raises(StoreError) as error:
            store.live()
        refused(error, "`secret` names")
        assert "wr0ng-one" not in str(error.value)


def test_rights_that_are_missing(postgres_server: Server) -> None:
    with psycopg.connect(address(postgres_server), password=PASSWORD, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS rights CASCADE")
        admin.execute(sql.SQL("CREATE ROLE poor LOGIN PASSWORD {}").format(PASSWORD))
        try:
            store = PostgresStore("main", f"{address(postgres_server, 'poor')}#rights", OURS)
            work = Work(Run(1, people(5)))
            with pytest.raises(StoreError) as error:
                work.prepare(store, resume=False)
            refused(error, "permission denied", "Grant it to the user of the address")
            admin.execute("CREATE SCHEMA rights")
            with pytest.raises(StoreError) as error:
                work.prepare(store, resume=False)
            refused(error, "permission denied for schema rights")
            admin.execute("GRANT USAGE, CREATE ON SCHEMA rights TO poor")
            work.bring(store)
            table = sql.Identifier("rights", release_table(PERSONAL, work.run.run_id))
            admin.execute(sql.SQL("ALTER TABLE {} OWNER TO postgres").format(table))
            with pytest.raises(StoreError) as error:
                Work(Run(2, people(5)), work.run).bring(store)
            refused(error, "permission denied for table")
            assert seen(store) == work.run.run_id
        finally:
            admin.execute("DROP SCHEMA rights CASCADE")
            admin.execute("DROP ROLE poor")


def test_what_is_granted_stays(postgres_server: Server) -> None:
    store = PostgresStore("main", f"{address(postgres_server)}#granted", OURS)
    first, second = Run(1, people(5)), Run(2, people(5, "later"))
    with psycopg.connect(address(postgres_server), password=PASSWORD, autocommit=True) as admin:
        Work(first).bring(store)
        admin.execute(sql.SQL("CREATE ROLE reader LOGIN PASSWORD {}").format(PASSWORD))
        try:
            admin.execute("GRANT USAGE ON SCHEMA granted TO reader")
            admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA granted TO reader")
            Work(second, first).bring(store)
            with psycopg.connect(address(postgres_server, "reader"), password=PASSWORD) as reader:
                for view in ("recommendations", "similar_items", "popular_items", "live"):
                    query = sql.SQL("SELECT run_id FROM {}").format(sql.Identifier("granted", view))
                    assert reader.execute(query).fetchone() == (second.run_id,)
        finally:
            admin.execute("DROP OWNED BY reader")
            admin.execute("DROP ROLE reader")


def test_a_reader_in_a_long_transaction_delays_the_switch_and_no_other_reader(
    postgres_server: Server,
) -> None:
    store = PostgresStore("main", f"{address(postgres_server)}#busy", OURS)
    first, second = Run(1, people(5)), Run(2, people(5, "later"))
    Work(first).bring(store)
    work = Work(second)
    store.verify(work.release, work.write(store))
    query = "SELECT run_id FROM busy.recommendations LIMIT 1"
    with (
        psycopg.connect(address(postgres_server), password=PASSWORD) as slow,
        psycopg.connect(address(postgres_server), password=PASSWORD, autocommit=True) as quick,
    ):
        slow.execute(query)
        quick.execute("SET statement_timeout = '5s'")
        switching = threading.Thread(
            target=store.activate, args=(second.run_id, DATASET, second.publication, NOW)
        )
        switching.start()
        for _ in range(20):
            assert quick.execute(query).fetchone() == (first.run_id,)
        assert switching.is_alive()
        slow.rollback()
        switching.join(timeout=60)
        assert quick.execute(query).fetchone() == (second.run_id,)


@pytest.mark.process
def test_redis_with_too_little_memory() -> None:
    with run_redis("--maxmemory", "6mb", "--maxmemory-policy", "noeviction") as server:
        store = RedisStore("cache", f"redis://127.0.0.1:{server.port}", OURS, 14.0)
        first = Run(1, people(2_000))
        Work(first).bring(store)
        with pytest.raises(StoreError) as error:
            Work(Run(2, people(60_000))).prepare(store, resume=False)
        refused(error, "needs about", "maxmemory is 6.0 MiB", "Raise it")
        assert seen(store) == first.run_id
        # And where the estimate was wrong.
        work = Work(Run(2, people(60_000)))
        sample = {table.name: Run(3, {}).rows(table).slice(0, 0) for table in (PERSONAL,)}
        sample |= {
            name: Run(3, {}).rows(PERSONAL).slice(0, 0)
            for name in ("similar_items", "popular_items")
        }
        store.prepare(work.release, resume=False, sample=sample)
        with pytest.raises(StoreError) as error:
            store.write_partition(work.release, work.parts[0], work.lists(work.parts[0]))
        refused(error, "Raise its maxmemory")
        assert seen(store) == first.run_id
        with redis.Redis(port=server.port, password=PASSWORD) as client:
            client.config_set("maxmemory", 0)
        work.bring(store)
        assert seen(store) == work.run.run_id


@pytest.mark.process
def test_the_memory_of_a_release_is_known_before() -> None:
    from toplists.publish.stores.redis_commands import memory_needed
    from toplists.reader.layouts import LIST_TABLES

    with run_redis() as server, redis.Redis(port=server.port, password=PASSWORD) as client:
        store = RedisStore("cache", f"redis://127.0.0.1:{server.port}", OURS, 14.0)
        users = {
            f"user-{n}": [(f"item-{n * 7 + k}", k / 3, "personal") for k in range(20)]
            for n in range(8_000)
        }
        work = Work(Run(1, users))
        before = client.info("memory")["used_memory"]
        work.bring(store)
        taken = client.info("memory")["used_memory"] - before
        sample = {table.name: work.run.rows(table).slice(0, 500) for table in LIST_TABLES}
        needed = memory_needed(work.release.rows, sample, LIST_TABLES)
        assert taken * 0.9 < needed < taken * 1.2


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of 2 MiB, where servers that run as somebody else see it."""
    with TemporaryDirectory(prefix="tiny-", dir="/tmp") as name:
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs", name]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root, and not in every container, may mount one")
        yield Path(name)
        subprocess.run(["umount", "-l", name], check=True)


def large(number: int) -> Run:
    """A run of some megabytes that no compression makes small."""
    rng = random.Random(number)
    return Run(
        number,
        {f"u{n:04}": entries(*(rng.randbytes(256).hex() for _ in range(3))) for n in range(3_000)},
    )


@pytest.mark.process
def test_the_disk_of_postgres_is_full(postgres: Server, tiny_disk: Path) -> None:
    os.chown(tiny_disk, postgres.options.get("user", -1), postgres.options.get("group", -1))
    with psycopg.connect(address(postgres), password=PASSWORD, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE TABLESPACE tiny LOCATION {}").format(str(tiny_disk)))
    store = PostgresStore("main", f"{address(postgres)}?options=-cdefault_tablespace%3Dtiny", OURS)
    first = Run(1, people(20))
    Work(first).bring(store)
    with pytest.raises(StoreError) as error:
        Work(large(2), cuts=["u1000", "u2000"]).bring(store)
    refused(error, "the disk of the server is full", "Free space there")
    assert seen(store) == first.run_id
    elsewhere = PostgresStore("main", address(postgres), OURS)
    Work(Run(3, people(20))).bring(elsewhere)
    assert seen(store) == Run(3, {}).run_id


def test_the_disk_of_files_is_full(tiny_disk: Path) -> None:
    store = FilesStore("files", f"files:{tiny_disk}", "parquet", 1)
    first = Run(1, people(20))
    Work(first).bring(store)
    with pytest.raises(StoreError) as error:
        Work(large(2)).bring(store)
    refused(error, "No space left", "its free space")
    assert seen(store) == first.run_id
    store.prune(2, sparing=Run(3, {}).run_id)  # as an export does first
    Work(Run(3, people(20))).bring(store)
    assert seen(store) == Run(3, {}).run_id


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    store = FilesStore("files", f"files:{tmp_path / 'closed'}", "parquet", 16)
    with pytest.raises(StoreError) as error:
        Work(Run(1, people(5))).prepare(store, resume=False)
    refused(error, "Permission denied", "Look at its permissions")


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FilesStore("files", f"files:{tmp_path / 'file'}", "parquet", 16)
    with pytest.raises(StoreError) as error:
        Work(Run(1, people(5))).prepare(store, resume=False)
    refused(error, str(tmp_path / "file"))
