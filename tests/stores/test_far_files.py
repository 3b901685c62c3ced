"""Files as a store, in an object store and in HDFS: written by exports, and read by this package's reader."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event, Thread

import pytest
from storages import files_in
from stores.conformance import Seen, StoreConformance, people
from stores.runs import NOW, Run, Work

from toplists import reader
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.folder import open_folder
from toplists.reader.file_systems import open_file_system
from toplists.reader.layouts import PERSONAL, SIMILAR, ListTable
from toplists.reader.lists import Lists

pytestmark = pytest.mark.long


class TestFarFiles(StoreConformance):
    copies = False
    place: str
    lists: Lists

    @pytest.fixture(params=["bucket", "hdfs_folder"])
    def store(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[FilesStore]:
        self.place = request.getfixturevalue(request.param)
        monkeypatch.setattr("toplists.reader.files._LOOK_SECONDS", 0.0)
        with closing(reader.open(f"files:{self.place}")) as self.lists:
            yield FilesStore("files", f"files:{self.place}", "parquet", 3)

    def look(self, store: FilesStore, table: ListTable, key: str) -> Seen | None:
        if table is PERSONAL:
            found = self.lists.user(key)
        else:
            found = self.lists.similar(key) if table is SIMILAR else self.lists.popular(key)
        if found is None or found.fallback:
            return None
        items = [(item.item_id, item.score, item.source) for item in found.items]
        return Seen(found.run_id, items, found.short_reason)

    def harm(self, store: FilesStore, run: Run, user: str) -> None:
        files, _ = open_file_system(self.place)
        for path in files_in(self.place):
            if f"/{run.run_id}/{PERSONAL.name}/" in path:
                files.delete_file(path)

    def occupy(self, store: FilesStore, run: Run) -> None:
        open_folder(self.place).write(f"releases/{run.run_id}/thesis.doc", b"")

    def test_whoever_looks_meanwhile_sees_one_release_or_the_other(self, store: FilesStore) -> None:
        runs = [Run(1, people(5)), Run(2, people(5, "later"))]
        for run in runs:
            Work(run).bring(store)
        seen, stop = [], Event()

        def look() -> None:
            while not stop.is_set():
                found = self.look(store, PERSONAL, "u1")
                seen.append(found and found.run_id)

        looks = Thread(target=look)
        looks.start()
        try:
            for number in range(30):
                run = runs[number % 2]
                store.activate(run.run_id, "films", run.publication, NOW)
        finally:
            stop.set()
            looks.join()
        assert len(seen) > 10
        assert set(seen) <= {run.run_id for run in runs}
        assert not [path for path in files_in(self.place) if path.endswith(".tmp")]


def test_whoever_replaces_a_file_at_the_same_time_succeeds(hdfs_folder: str) -> None:
    folder = open_folder(hdfs_folder)

    def replace(number: int) -> None:
        for _ in range(20):
            folder.replace("notes/one", str(number).encode())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(4)))
    assert folder.names("notes") == ["one"]
    assert folder.read("notes/one") in (b"0", b"1", b"2", b"3")


def test_a_file_is_larger_than_the_memory_of_libhdfs(hdfs_folder: str) -> None:
    code = f"""
from toplists.publish.stores.folder import open_folder
open_folder({hdfs_folder!r}).write("some/large", bytes(100_000_000))
"""
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LIBHDFS_OPTS": "-Xmx64m"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert open_folder(hdfs_folder).sizes("some") == {"large": 100_000_000}
