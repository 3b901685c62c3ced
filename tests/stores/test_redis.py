"""Redis as a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import redis
from redis.cluster import RedisCluster
from store_servers import PASSWORD, Server
from stores.conformance import Seen, StoreConformance, people
from stores.runs import NOW, Run, Work, entries

from toplists.errors import StoreError
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.redis_session import send
from toplists.publish.stores.secrets import Secret
from toplists.reader.layouts import (
    LIST_TABLES,
    PERSONAL,
    ListTable,
    bucket_key,
    bucket_of,
    field_of,
    live_from_json,
    live_key,
    release_key,
)
from toplists.reader.packing import unpack_list


class TestRedis(StoreConformance):
    # docs/operators-guide.md
    rights: ClassVar = ["+@read", "+@write", "+@keyspace", "+info", "+time"]

    @pytest.fixture
    def store(self, redis_server: Server) -> Iterator[RedisStore]:
        self.namespace = f"s-{uuid4().hex[:12]}"
        self.client: Any = redis.Redis(port=redis_server.port, password=PASSWORD)
        self.address = f"redis://127.0.0.1:{redis_server.port}/0#{self.namespace}"
        yield RedisStore("cache", self.address, Secret("env:STORE_PASSWORD"), 14.0)
        self.client.close()

    def command(self, *words: str) -> None:
        """Have a command done by all servers."""
        self.client.execute_command(*words)

    def look(self, store: RedisStore, table: ListTable, key: str) -> Seen | None:
        record = self.client.get(live_key(self.namespace))
        assert record is not None
        live = live_from_json(record)
        bucket = bucket_of(key, live.buckets[table.name])
        name = bucket_key(self.namespace, live.release, table, bucket)
        packed = self.client.hget(name, field_of(key, "default"))
        if packed is None:
            return None
        found = unpack_list(live.publication.run_id, packed)
        items = [(item.item_id, item.score, item.source) for item in found.items]
        return Seen(found.run_id, items, found.short_reason)

    def harm(self, store: RedisStore, run: Run, user: str) -> None:
        for bucket in range(8):
            name = bucket_key(self.namespace, run.run_id, PERSONAL, bucket)
            self.client.hdel(name, field_of(user, "default"))

    def occupy(self, store: RedisStore, run: Run) -> None:
        self.client.set(bucket_key(self.namespace, run.run_id, PERSONAL, 0), "mine")

    def names(self, run: Run) -> list[bytes]:
        """The keys of a release: its buckets and its notes."""
        return list(self.client.scan_iter(f"{self.namespace}:*{run.run_id}*"))

    def rests(self, run: Run) -> set[int]:
        """In how many days keys of a release expire, about."""
        return {round(self.client.ttl(name) / 86_400) for name in self.names(run)}

    def test_all_keys_of_a_release_expire_together(self, store: RedisStore) -> None:
        run = Run(1, people(1000))
        Work(run).bring(store)
        assert len(self.names(run)) == 4 + 1 + 1 + 1  # buckets of users, items, segments; notes
        assert self.rests(run) == {14}
        assert self.client.ttl(live_key(self.namespace)) == -1
        second = Run(2, people(1000) | {"new": entries("x")})
        Work(second, run).bring(store)
        assert self.rests(second) == {14}  # those that were copied, too

    def test_what_stays_live_for_long_does_not_expire(self, store: RedisStore) -> None:
        run = Run(1, people(50))
        Work(run).bring(store)
        live = store.live()
        assert live is not None
        assert store.keep_up(live)
        for name in self.names(run):
            self.client.expire(name, 3600)
        key = release_key(self.namespace, run.run_id)
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        notes = json.loads(self.client.get(key))
        notes["extra"]["expires_at"] = soon
        self.client.set(key, json.dumps(notes))
        assert store.keep_up(live)
        assert self.rests(run) == {14}
        kept = store.live()
        assert kept is not None
        assert kept.expires_at is not None
        assert kept.expires_at > datetime.now(UTC) + timedelta(days=13)
        self.check(store, run)

    def test_what_the_server_lost_is_noticed_and_loaded_again(self, store: RedisStore) -> None:
        run = Run(1, people(600))
        Work(run).bring(store)
        self.client.delete(bucket_key(self.namespace, run.run_id, PERSONAL, 1))
        live = store.live()
        assert live is not None
        assert not store.keep_up(live)
        assert not store.rollback(run.publication, "films", NOW)
        assert not store.can_copy_from(run.run_id)
        Work(run, fingerprint="again").bring(store)
        self.check(store, run)

    def test_a_live_release_is_mended_under_the_eyes_of_its_readers(
        self, store: RedisStore
    ) -> None:
        # It was copied from a larger one, and so has more buckets than its lists need.
        larger, run = Run(1, people(1200)), Run(2, people(200))
        Work(larger).bring(store)
        Work(run, larger).bring(store)
        live = store.live()
        assert live is not None
        assert live.buckets[PERSONAL.name] == 8
        lost = bucket_key(self.namespace, run.run_id, PERSONAL, bucket_of("u007", 8))
        others = [user for user in run.users if bucket_of(user, 8) != bucket_of("u007", 8)]
        self.client.delete(lost)
        self.client.delete(release_key(self.namespace, run.run_id))  # and what is known of it
        for attempt in ("first", "second"):  # one that dies, and one that goes on
            work = Work(run, fingerprint=attempt)
            work.prepare(store, resume=True)
            assert store.prune(1, sparing=run.run_id) in ([larger.run_id], [])
            for user in others:
                assert self.look(store, PERSONAL, user) is not None
        work.bring(store)
        self.check(store, run)
        assert store.keep_up(live)
        assert self.rests(run) == {14}

    def test_a_task_that_outlived_its_export_notes_nothing(
        self, store: RedisStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work = Work(Run(1, people(30)), cuts=["u10"])
        part = work.parts[0]
        work.prepare(store, resume=False)
        again = replace(work.release, began=work.release.began + timedelta(hours=1))
        sample = {table.name: work.run.rows(table) for table in LIST_TABLES}

        def send_slowly(*given: Any) -> None:
            send(*given)
            # What it sent goes, and the same release is begun anew.
            store.prepare(again, resume=False, sample=sample)

        with monkeypatch.context() as patch:
            patch.setattr("toplists.publish.stores.redis.send", send_slowly)
            with pytest.raises(StoreError, match="begun this release anew"):
                store.write_partition(work.release, part, work.lists(part))
        assert store.prepare(again, resume=True, sample=sample) == []
        work.bring(store)
        self.check(store, work.run)

    def test_what_the_server_has_forgotten_of_a_load_is_noticed(self, store: RedisStore) -> None:
        first, second = Run(1, people(30)), Run(2, people(30, "later"))
        Work(first).bring(store)
        work = Work(second, first, cuts=["u10"])
        written = work.write(store)
        # As after a restart from what was saved before: users have the lists of the former run, as many as before.
        parts = f"{self.namespace}:parts:{second.run_id}"
        self.client.hdel(parts, "1")
        with pytest.raises(StoreError, match="the server has forgotten parts"):
            store.verify(work.release, written)
        assert {one.part for one in work.prepare(store, resume=True)} == {0, 2, 3}
        work.bring(store)
        self.check(store, second)
        assert not self.client.exists(parts)

    def test_the_rights_that_are_said_to_be_needed_suffice(self, store: RedisStore) -> None:
        user = f"u-{uuid4().hex[:12]}"
        keys = f"~{self.namespace}:*"
        self.command("ACL SETUSER", user, "on", f">{PASSWORD}", keys, *self.rights)
        try:
            address = self.address.replace("://", f"://{user}@")
            theirs = RedisStore("cache", address, Secret("env:STORE_PASSWORD"), 14.0)
            first, second = Run(1, people(50)), Run(2, people(50) | {"u03": entries("x")})
            Work(first).bring(theirs)
            Work(second, first).bring(theirs)
            self.check(theirs, second)
            assert theirs.rollback(first.publication, "films", NOW)
            live = theirs.live()
            assert live is not None
            assert theirs.keep_up(live)
            assert theirs.prune(1) == [second.run_id]
        finally:
            self.command("ACL DELUSER", user)


class TestRedisCluster(TestRedis):
    rights: ClassVar = [*TestRedis.rights, "+cluster|slots", "+command"]

    @pytest.fixture
    def store(self, redis_cluster: list[Server]) -> Iterator[RedisStore]:
        self.namespace = f"s-{uuid4().hex[:12]}"
        self.client = RedisCluster("127.0.0.1", redis_cluster[1].port, password=PASSWORD)
        self.address = f"redis+cluster://127.0.0.1:{redis_cluster[0].port}#{self.namespace}"
        yield RedisStore("cache", self.address, Secret("env:STORE_PASSWORD"), 14.0)
        self.client.close()

    def command(self, *words: str) -> None:
        self.client.execute_command(*words, target_nodes=RedisCluster.ALL_NODES)

    def test_all_nodes_hold_lists_and_copy_what_is_unchanged(
        self, store: RedisStore, redis_cluster: list[Server]
    ) -> None:
        first = Run(1, people(3_000))
        Work(first).bring(store)
        second = Run(2, {**first.users, **{f"u{n:04}": entries("new") for n in range(150)}})
        written = Work(second, first, cuts=["u0100"]).bring(store)
        self.check(store, second)
        assert sum(one.sent for one in written) == 150
        assert sum(one.copied for one in written) == 2_852
        for run in (first, second):
            for server in redis_cluster:
                with redis.Redis(port=server.port, password=PASSWORD) as node:
                    held = list(node.scan_iter(f"{self.namespace}:{run.run_id}:*"))
                    assert len(held) > 2

    def test_an_address_of_a_single_server_is_told_so(
        self, store: RedisStore, redis_cluster: list[Server]
    ) -> None:
        run = Run(1, people(3_000))
        for server in redis_cluster:
            address = f"redis://127.0.0.1:{server.port}#{self.namespace}"
            one = RedisStore("cache", address, Secret("env:STORE_PASSWORD"), 14.0)
            with pytest.raises(StoreError, match=r"Write redis\+cluster:// in the address"):
                Work(run).bring(one)
        Work(run).bring(store)
        self.check(store, run)

    def test_nodes_have_to_have_room_for_what_they_hold(
        self, store: RedisStore, redis_cluster: list[Server]
    ) -> None:
        work = Work(Run(1, people(20_000)))
        Work(Run(2, people(20))).bring(store)
        with redis.Redis(port=redis_cluster[2].port, password=PASSWORD) as node:
            used = node.info("memory")["used_memory"]
            node.config_set("maxmemory", used + 500_000)
            try:
                with pytest.raises(StoreError, match=r"needs about .* MiB of memory"):
                    work.prepare(store, resume=False)
            finally:
                node.config_set("maxmemory", 0)
        work.bring(store)
        self.check(store, work.run)
