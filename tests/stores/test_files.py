"""Files as a store."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from stores.conformance import Seen, StoreConformance, people
from stores.runs import Run, Work

from toplists.publish.stores.files import FilesStore
from toplists.reader.layouts import LIST_TABLES, PERSONAL, ListTable, shard_of

SHARDS = 3


class Files(StoreConformance):
    copies = False
    knows_parts = False
    format: Any

    @pytest.fixture
    def store(self, tmp_path: Path) -> FilesStore:
        self.folder = tmp_path / "shop ü"
        return FilesStore("files", f"files:{self.folder}", self.format, SHARDS)

    @property
    def manifest(self) -> dict[str, Any]:
        current = json.loads((self.folder / "current.json").read_text())
        return dict(json.loads((self.folder / current["manifest"]).read_text()))

    def files(self, table: ListTable) -> list[tuple[dict[str, Any], Path]]:
        """The files of a table, as the manifest of what is live names them."""
        manifest = self.manifest
        home = self.folder / "releases" / manifest["release"]
        return [(entry, home / entry["path"]) for entry in manifest["tables"][table.name]]

    def look(self, store: FilesStore, table: ListTable, key: str) -> Seen | None:
        for entry, path in self.files(table):
            in_shard = entry["shard"] in (None, shard_of(key, SHARDS))
            if in_shard and entry["first"] <= key <= entry["last"]:
                for row in self.rows(path):
                    if row[table.key] == key:
                        names = ("item_id", "score", "source")
                        items = [tuple(item[name] for name in names) for item in row["items"]]
                        return Seen(self.manifest["run_id"], items, row["short_reason"])
        return None

    def rows(self, path: Path) -> list[dict[str, Any]]:
        raise NotImplementedError

    def harm(self, store: FilesStore, run: Run, user: str) -> None:
        for _, path in self.files(PERSONAL):
            path.unlink()

    def occupy(self, store: FilesStore, run: Run) -> None:
        folder = self.folder / "releases" / run.run_id
        folder.mkdir(parents=True)
        (folder / "thesis.doc").touch()

    def test_the_manifest_says_what_belongs_to_the_release(self, store: FilesStore) -> None:
        work = Work(Run(1, people(30)), cuts=["u10"])
        stray = work.parts[0]
        work.prepare(store, resume=False)
        store.write_partition(
            work.release, stray, work.lists(stray)
        )  # an attempt that did not count
        written = [
            store.write_partition(work.release, part, work.lists(part)) for part in work.parts
        ]
        store.verify(work.release, written)
        store.activate(work.run.run_id, "films", work.run.publication, work.release.began)
        for table in LIST_TABLES:
            rows = 0
            for entry, path in self.files(table):
                content = path.read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry["sha256"]
                assert len(content) == entry["bytes"]
                keys = [row[table.key] for row in self.rows(path)]
                assert keys == sorted(keys)
                assert (entry["first"], entry["last"]) == (keys[0], keys[-1])
                rows += entry["rows"]
            assert rows == len(work.run.lists(table))


class TestParquet(Files):
    format = "parquet"

    def rows(self, path: Path) -> list[dict[str, Any]]:
        return pq.read_table(path, partitioning=None).to_pylist()

    def test_row_groups_are_small(self, store: FilesStore) -> None:
        Work(Run(1, people(2500))).bring(store)
        ((_, path),) = self.files(PERSONAL)
        footer = pq.read_metadata(path)
        assert [footer.row_group(n).num_rows for n in range(3)] == [1000, 1000, 500]


class TestJsonLines(Files):
    format = "jsonl"

    def rows(self, path: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]

    def test_lines_are_where_the_hash_of_the_id_says(self, store: FilesStore) -> None:
        run = Run(1, people(50))
        Work(run, cuts=["u25"]).bring(store)
        for entry, path in self.files(PERSONAL):
            assert path.name.startswith(f"{entry['shard']:04}-")
            for row in self.rows(path):
                assert shard_of(row["user_id"], SHARDS) == entry["shard"]
                assert row["run_id"] == run.run_id
