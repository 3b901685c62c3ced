"""Redis as a store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import redis
from store_servers import PASSWORD, Server
from stores.conformance import Seen, StoreConformance, people
from stores.runs import Run, Work

from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.secrets import Secret
from toplists.reader.layouts import (
    PERSONAL,
    ListTable,
    bucket_key,
    bucket_of,
    field_of,
    live_from_json,
    live_key,
)
from toplists.reader.packing import unpack_list


class TestRedis(StoreConformance):
    knows_parts = False

    @pytest.fixture
    def store(self, redis_server: Server) -> Iterator[RedisStore]:
        self.namespace = f"s-{uuid4().hex[:12]}"
        self.client = redis.Redis(port=redis_server.port, password=PASSWORD)
        address = f"redis://127.0.0.1:{redis_server.port}/0#{self.namespace}"
        yield RedisStore("cache", address, Secret("env:STORE_PASSWORD"), 14.0)
        self.client.close()

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

    def test_all_keys_of_a_release_expire_together(self, store: RedisStore) -> None:
        run = Run(1, people(1000))
        work = Work(run)
        work.bring(store)
        names = list(self.client.scan_iter(f"{self.namespace}:*{run.run_id}*"))
        assert len(names) == 4 + 1 + 1 + 1  # buckets of users, items, segments; notes
        rest = (work.release.began + timedelta(days=14) - datetime.now(UTC)).total_seconds()
        assert {abs(self.client.ttl(name) - rest) < 60 for name in names} == {True}
        assert self.client.ttl(live_key(self.namespace)) == -1
