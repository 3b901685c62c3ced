"""Files as a store."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from stores.conformance import Seen, StoreConformance, people
from stores.runs import NOW, Run, Work

from toplists.errors import StoreError
from toplists.lake.failpoints import FAIL_AT
from toplists.publish.stores.file_format import FileFormat
from toplists.publish.stores.files import FilesStore
from toplists.reader.layouts import LIST_TABLES, PERSONAL, ListTable, shard_of

SHARDS = 3


class Files(StoreConformance):
    copies = False
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

    def test_files_that_somebody_removed_are_noticed_and_loaded_again(
        self, store: FilesStore
    ) -> None:
        first, second = Run(1, people(20)), Run(2, people(20, "later"))
        Work(first).bring(store)
        Work(second).bring(store)
        live = store.live()
        assert live is not None
        assert store.keep_up(live)
        left = [path for table in LIST_TABLES[1:] for _, path in self.files(table)]
        self.files(PERSONAL)[0][1].unlink()  # as a rule of the bucket does
        (self.folder / "releases" / first.run_id / "manifest.json").unlink()
        assert not store.keep_up(live)
        assert not store.rollback(second.publication, "films", NOW)
        assert not store.rollback(first.publication, "films", NOW)
        again = Work(second, fingerprint="again")
        written = again.write(store)
        assert all(path.exists() for path in left)  # they are read still
        store.verify(again.release, written)
        store.activate(second.run_id, "films", second.publication, NOW)
        self.check(store, second)
        assert store.keep_up(live)

    def test_a_record_that_was_cut_off_is_said_to_be(self, store: FilesStore) -> None:
        run = Run(1, people(5))
        Work(run).bring(store)
        (self.folder / "current.json").write_bytes(b"")
        with pytest.raises(StoreError, match=r"current\.json is not as an export writes it"):
            store.live()
        (self.folder / "current.json").unlink()
        assert store.rollback(run.publication, "films", NOW)
        self.check(store, run)
        (self.folder / "notes" / f"{run.run_id}.json").write_text('{"dataset": "fil')
        with pytest.raises(StoreError, match=r"json is not as an export writes it"):
            store.notes(run.run_id)

    @pytest.mark.parametrize(
        "moment",
        [
            "after content of a store",  # a draft of the notes is there, and no notes
            "before pointer of a store",
            "after pointer of a store",
        ],
    )
    def test_an_export_that_was_killed_is_begun_again(self, store: FilesStore, moment: str) -> None:
        work = Work(Run(1, people(5)))
        killed(moment, self.folder, self.format, "prepare")
        assert store.rollback(work.run.publication, "films", NOW) is False
        work.bring(store)
        self.check(store, work.run)

    def test_a_removal_that_was_killed_is_gone_on_with(self, store: FilesStore) -> None:
        first, second = Run(1, people(5)), Run(2, people(5, "later"))
        Work(first).bring(store)
        Work(second).bring(store)
        killed("after folder of a store", self.folder, self.format, "prune")
        (self.folder / "releases" / first.run_id / "left.parquet").parent.mkdir(exist_ok=True)
        (self.folder / "releases" / first.run_id / "left.parquet").touch()  # not all went
        assert store.prune(1) == [first.run_id]
        assert store.notes(first.run_id) is None
        Work(first).bring(store)
        self.check(store, first)

    def test_parts_of_which_a_file_is_gone_are_written_again(self, store: FilesStore) -> None:
        work = Work(Run(1, people(30)), cuts=["u10", "u20"])
        work.prepare(store, resume=False)
        for part in work.parts:
            store.write_partition(work.release, part, work.lists(part))
        release = self.folder / "releases" / work.run.run_id
        min((release / "recommendations").iterdir()).unlink()
        assert len(work.prepare(store, resume=True)) == 4
        (note,) = (release / "parts").glob("*/00004.json")
        note.write_text('{"part": 4')  # where files are not replaced as a whole
        assert len(work.prepare(store, resume=True)) == 3
        work.bring(store)
        self.check(store, work.run)
        named = [path for table in LIST_TABLES for _, path in self.files(table)]
        there = [path for path in release.rglob("*") if path.is_file()]
        assert sorted(there) == sorted([*named, release / "manifest.json"])

    def test_parts_of_another_form_are_written_again(self, store: FilesStore) -> None:
        work = Work(Run(1, people(30)))
        work.prepare(store, resume=False)
        store.write_partition(work.release, work.parts[0], work.lists(work.parts[0]))
        other = FilesStore("files", f"files:{self.folder}", "jsonl", SHARDS + 1)
        assert work.prepare(other, resume=True) == []
        assert len(work.prepare(store, resume=True)) == 1

    def test_a_task_that_outlived_its_export_leaves_nothing(
        self, store: FilesStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live, work = Run(2, people(5)), Work(Run(1, people(5)), fingerprint="before")
        Work(live).bring(store)
        part = work.parts[0]
        work.prepare(store, resume=False)
        again = Work(work.run, fingerprint="now")
        again.prepare(store, resume=False)
        with pytest.raises(StoreError, match="begun this release anew"):
            store.write_partition(work.release, part, work.lists(part))
        encode = FileFormat.encode

        def encode_slowly(*given: Any) -> Any:
            store.prune(1)  # somebody has given the release up in between
            return encode(*given)

        monkeypatch.setattr(FileFormat, "encode", encode_slowly)
        with pytest.raises(StoreError, match="begun this release anew"):
            store.write_partition(again.release, part, work.lists(part))
        monkeypatch.undo()
        assert store.notes(work.run.run_id) is None
        work.bring(store)
        self.check(store, work.run)


def killed(moment: str, folder: Path, form: str, action: str) -> None:
    """Let a process die at a moment of an action on the store."""
    code = f"""
import sys
from stores.conformance import people
from stores.runs import Run, Work
from toplists.publish.stores.files import FilesStore

store = FilesStore("files", "files:" + sys.argv[1], {form!r}, {SHARDS})
if {action!r} == "prepare":
    Work(Run(1, people(5))).prepare(store, resume=False)
else:
    store.prune(1)
"""
    environment = {**os.environ, FAIL_AT: moment, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


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
