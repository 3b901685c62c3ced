"""Lists read from stores: each is asked the same questions."""

from __future__ import annotations

import json
import signal
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgpack
import psycopg
import pytest
import redis
from store_servers import (
    PASSWORD,
    Server,
    run_postgres,
    run_redis,
    wait_for_postgres,
    wait_for_redis,
)
from stores.conformance import ODD_IDS
from stores.runs import DATASET, NOW, Run, Work, entries

from toplists import reader
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.secrets import Secret
from toplists.reader import AddressError, Lists, ListsUnavailableError, Publication
from toplists.reader.layouts import LIST_TABLES, PERSONAL, LiveRelease
from toplists.reader.releases import Asked

pytestmark = pytest.mark.process  # servers, most of them

KINDS = ("postgres", "redis", "redis cluster", "redis by hand", "parquet", "jsonl")
QUOTED = quote(PASSWORD, safe="")


@dataclass(frozen=True)
class Shop:
    """An empty store, and the address that readers open it by."""

    store: Any
    address: str

    def bring(self, run: Run, base: Run | None = None) -> None:
        if isinstance(self.store, RedisByHand):
            self.store.bring(run)
        else:
            Work(run, base).bring(self.store)

    def activate(self, run: Run, action: str = "publish") -> None:
        publication = replace(run.publication, action=action)
        self.store.activate(run.run_id, DATASET, publication, NOW)


def postgres_at(port: int, namespace: str) -> Shop:
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres#{namespace}"
    return Shop(
        PostgresStore("pg", address, Secret("env:STORE_PASSWORD")),
        address.replace("postgres@", f"postgres:{QUOTED}@"),
    )


def redis_at(port: int, namespace: str, scheme: str = "redis") -> Shop:
    address = f"{scheme}://127.0.0.1:{port}/0#{namespace}"
    return Shop(
        RedisStore("cache", address, Secret("env:STORE_PASSWORD"), 7),
        address.replace("://", f"://:{QUOTED}@"),
    )


def redis_by_hand_at(port: int, namespace: str) -> Shop:
    return replace(redis_at(port, namespace), store=RedisByHand(port, namespace))


class RedisByHand:
    """Runs in Redis, put there as docs/stores.md says and not as the export does it."""

    def __init__(self, port: int, namespace: str) -> None:
        self.client = redis.Redis(port=port, password=PASSWORD)
        self.namespace = namespace

    def bring(self, run: Run) -> None:
        for table in LIST_TABLES:
            for key, items in run.lists(table).items():
                ids, scores, sources = ([*column] for column in zip(*items, strict=True))
                reason = run.reasons.get(key) if table is PERSONAL else None
                value = msgpack.packb([ids, scores, sources, [1] * len(sources), reason])
                bucket = zlib.crc32(key.encode()) % 3
                name = f"{self.namespace}:{run.run_id}:{{{table.letter}:{bucket}}}"
                self.client.hset(name, f"default:{key}", value)
        self.activate(run.run_id, DATASET, run.publication, NOW)

    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        buckets = {table.name: 3 for table in LIST_TABLES}
        record = LiveRelease(dataset, run_id, publication, now, buckets=buckets)
        self.client.set(f"{self.namespace}:live", record.to_json())

    def prune(self, keep: int) -> None:
        releases = {key.split(b":")[1] for key in self.client.scan_iter(f"{self.namespace}:2026*")}
        for release in sorted(releases)[:-keep]:
            for key in self.client.scan_iter(f"{self.namespace}:{release.decode()}:*"):
                self.client.delete(key)


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    namespace = f"n{uuid4().hex[:12]}"
    match request.param:
        case "postgres":
            return postgres_at(request.getfixturevalue("postgres_server").port, namespace)
        case "redis":
            return redis_at(request.getfixturevalue("redis_server").port, namespace)
        case "redis cluster":
            node = request.getfixturevalue("redis_cluster")[1]
            return redis_at(node.port, namespace, "redis+cluster")
        case "redis by hand":
            return redis_by_hand_at(request.getfixturevalue("redis_server").port, namespace)
    address = f"files:{tmp_path / 'lists'}"
    return Shop(FilesStore("files", address, request.param, 4), address)


@pytest.fixture
def lists(shop: Shop) -> Iterator[Lists]:
    with reader.open(shop.address) as opened:
        yield opened


USERS = {"ann": entries("a", "b", "c"), "bob": entries("b")}
SEGMENTS = {"all": entries("x", "y"), "teens": entries("t", "y")}


def test_nothing_where_nothing_was_exported(lists):
    assert lists.publication() is None
    assert lists.user("ann") is None
    assert lists.similar("film") is None
    assert lists.popular() is None


def test_lists_with_their_order_scores_sources_and_day(shop, lists):
    run = Run(1, USERS, segments=SEGMENTS, reasons={"bob": "seen everything else"})
    shop.bring(run)
    assert lists.publication() == run.publication
    ann, bob = lists.user("ann"), lists.user("bob")
    assert [(i.item_id, i.score, i.source) for i in ann.items] == USERS["ann"]
    assert (ann.run_id, ann.as_of, ann.short_reason) == (run.run_id, date(2026, 3, 1), None)
    assert (bob.short_reason, bob.fallback) == ("seen everything else", False)
    assert [item.item_id for item in lists.similar("film").items] == ["a", "b"]
    assert [item.item_id for item in lists.popular("teens").items] == ["t", "y"]
    for found in (lists.similar("film"), lists.popular()):
        assert (found.run_id, found.as_of, found.fallback) == (run.run_id, date(2026, 3, 1), False)
    assert lists.similar("nothing") is None
    assert lists.popular("nowhere") is None
    assert lists.user("ann", placement="front page") is None


def test_a_user_without_a_list_is_shown_what_is_popular_and_the_answer_says_so(shop, lists):
    shop.bring(Run(1, USERS, segments=SEGMENTS))
    assert lists.user("nobody") == replace(lists.popular(), fallback=True)
    assert lists.user("nobody", segment="teens") == replace(lists.popular("teens"), fallback=True)
    assert lists.user("nobody", segment="nowhere") == lists.user("nobody")


def test_what_becomes_live_later_is_followed_forth_and_back(shop, lists):
    first, second = Run(1, USERS), Run(2, {"ann": entries("new"), "zoe": entries("z")})
    shop.bring(first)
    assert not lists.user("ann").fallback
    shop.bring(second)
    assert [item.item_id for item in lists.user("ann").items] == ["new"]
    assert lists.user("bob").fallback  # has no list any more
    assert not lists.user("zoe").fallback
    shop.activate(first, "rollback")
    assert lists.publication().action == "rollback"
    assert [item.item_id for item in lists.user("ann").items] == ["a", "b", "c"]
    assert lists.user("zoe").fallback


def test_ids_are_found_letter_by_letter(shop, lists):
    shop.bring(Run(1, {odd: entries(odd, "other") for odd in ODD_IDS}))
    for odd in ODD_IDS:
        assert lists.user(odd).items[0].item_id == odd
    for strange in ("042", "X" * 512, "nul\0"):
        assert lists.user(strange).fallback
    with pytest.raises(ValueError, match="surrogates"):
        lists.user("\udcff")


def test_eight_threads_at_once_lose_nothing(shop, lists):
    users = {f"u{number:03}": entries(f"i{number}", "b") for number in range(200)}
    shop.bring(Run(1, users))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lists.user, [*users, *users]))
    assert [one.items[0].item_id for one in found] == [items[0][0] for items in users.values()] * 2


def test_two_releases_side_by_side(shop, lists, monkeypatch):
    for module in ("releases", "redis"):
        monkeypatch.setattr(f"toplists.reader.{module}.LISTS_AT_ONCE", 300)
    users = {f"{odd}{number}": entries(odd, "b", "c") for number in range(50) for odd in ODD_IDS}
    later = {user: entries("new", *user) for user in [*users][100:]} | {"zoe": entries("z")}
    first, second = Run(1, users), Run(2, later)
    shop.bring(first)
    shop.bring(second)
    if isinstance(shop.store, RedisByHand):  # what the export notes is not there
        assert lists.releases() == []
        return
    assert lists.releases() == [first.run_id, second.run_id]
    pairs = list(lists.pairs(first.run_id, second.run_id, Asked("default", 2)))
    assert len(pairs) >= 3
    for place, run in enumerate((first, second)):
        seen = [one for pair in pairs for one in pair[place]]
        assert len(seen) == len(run.users)
        expected = {user: [item for item, _, _ in of[:2]] for user, of in run.users.items()}
        assert {user: [*items] for user, items in seen} == expected
    # Those of a user are in one pair.
    found = [user for pair in pairs for user in {user for side in pair for user, _ in side}]
    assert len(found) == len(set(found))
    assert max(len(side) for pair in pairs for side in pair) <= 700
    nobody = list(lists.pairs(first.run_id, first.run_id, Asked("elsewhere", 2)))
    assert [one for pair in nobody for side in pair for one in side] == []


def test_releases_in_other_forms_and_numbers_of_shards_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("toplists.reader.releases.LISTS_AT_ONCE", 10)
    runs = [Run(number, {f"u{n:02}": entries(f"i{n}") for n in range(50)}) for number in (1, 2, 3)]
    for run, (form, shards) in zip(runs, [("jsonl", 4), ("jsonl", 6), ("parquet", 1)], strict=True):
        Work(run, cuts=["u20", "u35"]).bring(FilesStore("files", f"files:{tmp_path}", form, shards))
    with reader.open(f"files:{tmp_path}") as lists:
        for before in runs:
            for now in runs:
                pairs = list(lists.pairs(before.run_id, now.run_id, Asked("default", 9)))
                for side in (0, 1):
                    users = [user for pair in pairs for user, _ in pair[side]]
                    assert sorted(users) == [*runs[0].users]
                assert all([*map(len, pair)] == [len(pair[0])] * 2 for pair in pairs)


def test_a_release_that_goes_while_it_is_read_is_missed(redis_server, tmp_path, monkeypatch):
    monkeypatch.setattr("toplists.reader.redis.LISTS_AT_ONCE", 100)
    run = Run(1, {f"u{n:04}": entries(f"i{n}") for n in range(2_000)})
    shop = redis_at(redis_server.port, f"n{uuid4().hex[:12]}")
    shop.bring(run)
    folder = FilesStore("files", f"files:{tmp_path}", "jsonl", 4)
    Work(run).bring(folder)
    for address, remove in (
        (
            shop.address,
            lambda: shop.bring(Run(2, USERS)) or shop.bring(Run(3, USERS)) or shop.store.prune(2),
        ),
        (f"files:{tmp_path}", lambda: [Work(Run(2, USERS)).bring(folder), folder.prune(1)]),
    ):
        with reader.open(address) as lists:
            pairs = lists.pairs(run.run_id, run.run_id, Asked("default", 9))
            next(pairs)
            remove()
            with pytest.raises(ListsUnavailableError):
                list(pairs)


@pytest.mark.long
def test_readers_see_whole_lists_of_one_run_whatever_becomes_live(shop, lists):
    from reader.watched import Watched

    def run(number: int) -> Run:
        def items(count: int) -> list[tuple[str, float, str]]:
            return entries(*(f"{name}-{place}" for place in range(1, count + 1)))

        made = Run(number, {})
        name = made.run_id
        made.users = {user: items(2) for user in Watched.USERS}
        made.items, made.segments = {"film": items(2)}, {"all": items(1)}
        return made

    runs = [run(number) for number in range(1, 29)]
    shop.bring(runs[0])
    watched, live = Watched(), 0
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(watched.keep_reading, lists) for _ in range(4)]
        try:
            for move in range(1, 51):
                if move % 2:
                    live = (move + 1) // 2
                    shop.bring(runs[live], runs[live - 1] if live % 3 else None)
                else:
                    shop.activate(runs[live - 1], "rollback")
                shop.store.prune(3)
        finally:
            watched.over.set()
        assert sum(one.result() for one in reading) > 50
    assert len(watched.runs) > 10


def killed_and_started_again(server: Server, wait: Callable[[Server], None]) -> None:
    server.end(signal.SIGINT)
    server.start()
    wait(server)


def test_connections_are_made_again_after_the_server_was(tmp_path):
    with run_postgres() as server:
        shop = postgres_at(server.port, "shop")
        shop.bring(Run(1, USERS))
        with reader.open(shop.address) as lists:
            assert not lists.user("ann").fallback
            killed_and_started_again(server, wait_for_postgres)
            assert not lists.user("ann").fallback
            server.end()
            with pytest.raises(ListsUnavailableError, match=r"127\.0\.0\.1.*cannot be read"):
                lists.user("ann")
            server.start()
            wait_for_postgres(server)
            assert not lists.user("ann").fallback
    with run_redis() as server:
        shop = redis_at(server.port, "shop")
        shop.bring(Run(1, USERS))
        with reader.open(shop.address) as lists:
            assert not lists.user("ann").fallback
            killed_and_started_again(server, wait_for_redis)  # and forgets all
            assert lists.user("ann") is None
            shop.bring(Run(2, USERS))
            assert not lists.user("ann").fallback


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres:{wrong}@127.0.0.1:{postgres}/postgres",
        "postgresql://postgres:{right}@127.0.0.1:{postgres}/nothing",
        "postgresql://postgres:{right}@127.0.0.1:1/postgres",
        "redis://:{wrong}@127.0.0.1:{redis}/0",
        "redis://:{right}@127.0.0.1:1/0",
        "redis+cluster://:{right}@127.0.0.1:1",
        "redis+cluster://:{wrong}@127.0.0.1:{redis}",
        "redis+cluster://:{right}@127.0.0.1:{redis}",
    ],
)
def test_what_cannot_be_reached_is_said_in_a_sentence_without_secrets(
    postgres_server, redis_server, address
):
    filled = address.format(
        wrong=QUOTED + "x",
        right=QUOTED,
        postgres=postgres_server.port,
        redis=redis_server.port,
    )
    with reader.open(filled) as lists, pytest.raises(ListsUnavailableError) as refused:
        lists.user("ann")
    assert "127.0.0.1" in str(refused.value)
    assert "cannot be read: " in str(refused.value)
    assert "55-" not in str(refused.value)  # no port has a dash behind it


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:se/se@cret@host/db",
        "postgresql://me:5e/cret@host/db",
        "redis://:se/cret@host:6379/0",
        "redis://:x@host:port/0",
        "redis+cluster://:secret@host/1",
        "postgresql://me:secret@host/db#No Namespace",
        "files:nowhere://secret@x/y",
    ],
)
def test_an_address_that_is_not_understood_is_not_shown_whole(address):
    with pytest.raises(AddressError) as refused:
        reader.open(address)
    assert "cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_role_that_may_not_read_is_told_so(postgres_server):
    shop = postgres_at(postgres_server.port, f"n{uuid4().hex[:12]}")
    shop.bring(Run(1, USERS))
    role = f"r{uuid4().hex[:12]}"
    with psycopg.connect(shop.address.partition("#")[0], autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    address = shop.address.replace(f"postgres:{QUOTED}@", f"{role}:x@")
    with reader.open(address) as lists, pytest.raises(ListsUnavailableError, match="permission"):
        lists.user("ann")


def test_a_newer_layout_is_refused(postgres_server, redis_server, tmp_path):
    tables = postgres_at(postgres_server.port, f"n{uuid4().hex[:12]}")
    tables.bring(Run(1, USERS))
    address, _, schema = tables.address.partition("#")
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"UPDATE {schema}.live SET layout = 2")
    shop = redis_at(redis_server.port, f"n{uuid4().hex[:12]}")
    folder = FilesStore("files", f"files:{tmp_path}", "parquet", 4)
    shop.bring(Run(1, USERS))
    Work(Run(1, USERS)).bring(folder)
    client = redis.Redis(port=redis_server.port, password=PASSWORD)
    name = f"{shop.address.partition('#')[2]}:live"
    client.set(name, json.dumps({**json.loads(client.get(name)), "layout": 2}))
    current = tmp_path / "current.json"
    current.write_text(json.dumps({**json.loads(current.read_text()), "layout": 2}))
    with reader.open(tables.address) as lists:
        for question in (lists.publication, lambda: lists.user("ann"), lambda: lists.user("no")):
            with pytest.raises(ListsUnavailableError, match="layout 2, not 1"):
                question()
    for address in (shop.address, f"files:{tmp_path}"):
        with reader.open(address) as lists, pytest.raises(ListsUnavailableError, match="layout 1"):
            lists.user("ann")


def test_a_node_of_a_cluster_is_told_from_a_server(redis_cluster):
    shop = redis_at(redis_cluster[0].port, f"n{uuid4().hex[:12]}", "redis+cluster")
    users = {f"u{n:04}": entries("a") for n in range(2_000)}
    shop.bring(Run(1, users))
    with (
        reader.open(shop.address.replace("+cluster", "")) as lists,
        pytest.raises(ListsUnavailableError, match=r"write redis\+cluster:// in the address"),
    ):
        list(map(lists.user, users))


def test_lists_that_expired_are_no_unknown_users(redis_server):
    shop = redis_at(redis_server.port, f"n{uuid4().hex[:12]}")
    shop.bring(Run(1, USERS))
    client = redis.Redis(port=redis_server.port, password=PASSWORD)
    namespace = shop.address.partition("#")[2]
    record = json.loads(client.get(f"{namespace}:live"))
    past = NOW - timedelta(days=1)
    client.set(f"{namespace}:live", json.dumps({**record, "expires_at": past.isoformat()}))
    for key in client.scan_iter(f"{namespace}:2026*"):
        client.delete(key)
    with (
        reader.open(shop.address) as lists,
        pytest.raises(
            ListsUnavailableError, match=rf"expired at {past:%Y-%m-%d %H:%M} UTC.*Export again"
        ),
    ):
        lists.user("ann")


def test_lists_of_an_object_store_are_followed_after_a_second(bucket, monkeypatch):
    store = FilesStore("files", f"files:{bucket}", "parquet", 4)
    Work(Run(1, USERS)).bring(store)
    monkeypatch.setattr("toplists.reader.files._LOOK_SECONDS", 1e6)
    with reader.open(f"files:{bucket}") as lists:
        assert [(i.item_id, i.score, i.source) for i in lists.user("ann").items] == USERS["ann"]
        assert lists.user("nobody").fallback
        Work(Run(2, {"ann": entries("new")})).bring(store)
        assert lists.user("ann").items[0].item_id == "a"  # is not asked for at every question
        store.prune(1)  # unless what it knew of is gone
        assert lists.user("ann").items[0].item_id == "new"
        monkeypatch.setattr("toplists.reader.files._LOOK_SECONDS", 0.0)
        Work(Run(3, {"ann": entries("newer")})).bring(store)
        assert lists.user("ann").items[0].item_id == "newer"
