"""Look-ups by `toplists.reader`: from the lake, and from Postgres, Redis and files that this process fills first."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lookup_timing import time_lookups, write_result
from lookup_users import RUN, user_id
from machine import ROOT

from toplists import reader
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS
from toplists.reader import Publication
from toplists.reader.layouts import LIST_TABLES

if TYPE_CHECKING:
    from toplists.publish.stores.store import Store

PACKAGES = {
    "delta": ("deltalake", "pyarrow"),
    "files": ("pyarrow",),
    "postgres": ("psycopg",),
    "redis": ("redis", "msgpack"),
}


@contextmanager
def filled(kind: str, lake: Path) -> Iterator[str]:
    """The address of the lists in a store of a kind, which holds them meanwhile."""
    if kind == "delta":
        yield f"delta:{lake}"
        return
    sys.path.append(str(ROOT / "tests"))
    from store_servers import PASSWORD, run_postgres, run_redis

    from toplists.publish.stores.files import FilesStore
    from toplists.publish.stores.postgres import PostgresStore
    from toplists.publish.stores.redis import RedisStore
    from toplists.publish.stores.secrets import Secret

    secret = lake.parent / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    known = Secret(f"file:{secret}")
    if kind == "files":
        address = f"files:{lake.parent / 'files'}"
        _fill(FilesStore("files", address, "parquet", 1), lake)
        yield address
    elif kind == "postgres":
        with run_postgres() as server:
            address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
            _fill(PostgresStore("postgres", address, known), lake)
            yield address.replace("postgres@", f"postgres:{quote(PASSWORD, safe='')}@")
    else:
        with run_redis() as server:
            address = f"redis://127.0.0.1:{server.port}/0"
            _fill(RedisStore("redis", address, known, 7), lake)
            yield address.replace("redis://", f"redis://:{quote(PASSWORD, safe='')}@")


def _fill(store: Store, lake: Path) -> None:
    """What `export` does, without Spark."""
    from toplists.publish.stores.parts import ListFiles, cut_lists, read_part, read_sample
    from toplists.publish.stores.store import Release

    began = time.perf_counter()
    dataset, now = Dataset(lake), datetime.now(UTC)
    tables = {table.name: table for table in (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS)}
    cut = cut_lists(
        [
            ListFiles(table, partition_files(dataset, tables[table.name], run_id=RUN))
            for table in LIST_TABLES
        ],
        store.rows_per_part,
    )
    release = Release(dataset.name, RUN, None, 0, cut.rows, cut.fingerprint(), now)
    first = {piece.part.table.name: piece for piece in reversed(cut.pieces)}
    sample = {name: read_sample(piece) for name, piece in first.items()}
    store.prepare(release, resume=False, sample=sample)
    written = [
        store.write_partition(release, piece.part, read_part(piece, 0.0, has_base=False))
        for piece in cut.pieces
    ]
    store.verify(release, written)
    publication = Publication(1, RUN, "publish", now.date(), None, None, now)
    store.activate(RUN, dataset.name, publication, now)
    print(f"{store.name} filled in {time.perf_counter() - began:.0f} s", flush=True)


def main(kind: str, lake: Path, users: int, questions: int, result: str) -> None:
    """Time look-ups from one kind of place."""
    with filled(kind, lake) as address, reader.open(address) as lists:

        def ask(user: str) -> list[str]:
            found = lists.user(user)
            assert found is not None
            assert not found.fallback
            return [item.item_id for item in found.items]

        timed = time_lookups(lambda: ask, users, questions, user_id)
    write_result(result, timed, {package: version(package) for package in PACKAGES[kind]})


if __name__ == "__main__":
    kind, lake, users, questions, result = sys.argv[1:]
    main(kind, Path(lake), int(users), int(questions), result)
