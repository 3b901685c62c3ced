"""What cannot be read is said as `ListsUnavailableError`, whatever the library beneath calls it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from stores.conformance import people
from stores.runs import Run, Work

from toplists import reader
from toplists.publish.stores.files import FilesStore
from toplists.reader import ListsUnavailableError
from toplists.reader.delta import open_delta


def next_commit(table: Path) -> Path:
    log = table / "_delta_log"
    return log / f"{1 + max(int(file.stem) for file in log.glob('*.json')):020}.json"


class TestLake:
    def test_a_pointer_that_cannot_be_read_until_it_can(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        damaged = next_commit(lake.dataset.root / "publications")
        with open_delta(lake.dataset.root) as lists:
            assert lists.publication().run_id == "r1"
            damaged.write_text("no JSON")
            for question in (lists.publication, lists.publications, lambda: lists.user("ann")):
                with pytest.raises(ListsUnavailableError, match="What is live cannot be read"):
                    question()
            damaged.unlink()
            assert lists.user("ann").run_id == "r1"
            lake.write_run("r2")
            lake.point_to("r2")
            assert lists.user("ann").run_id == "r2"

    def test_a_pointer_that_cannot_be_opened(self, lake):
        log = lake.dataset.root / "publications" / "_delta_log"
        for commit in log.glob("*.json"):
            commit.write_text("no JSON")
        with open_delta(lake.dataset.root) as lists:
            with pytest.raises(ListsUnavailableError, match="What is live cannot be read"):
                lists.publication()
            with pytest.raises(ListsUnavailableError, match="What is live cannot be read"):
                lists.similar("film")

    def test_lists_that_cannot_be_opened(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        next_commit(lake.dataset.root / "recommendations").write_text("no JSON")
        with (
            open_delta(lake.dataset.root) as lists,
            pytest.raises(ListsUnavailableError, match="The published lists cannot be read"),
        ):
            lists.user("ann")


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """One shard of JSON lines."""
        Work(Run(1, people(100))).bring(FilesStore("files", f"files:{tmp_path}", "jsonl", 1))
        return tmp_path

    @pytest.mark.parametrize("damage", ["bytes", "end", "line"])
    def test_lines_that_cannot_be_read(self, folder, damage):
        (file,) = folder.glob("releases/*/recommendations/*")
        packed = file.read_bytes()
        match damage:
            case "bytes":  # in the midst of what is compressed
                file.write_bytes(packed[:20] + bytes(len(packed) - 20))
            case "end":
                file.write_bytes(packed[: len(packed) // 2])
            case "line":
                file.write_bytes(gzip.compress(b'{"user_id": "u99", \n'))
        with (
            reader.open(f"files:{folder}") as lists,
            pytest.raises(ListsUnavailableError, match="The published lists cannot be read"),
        ):
            lists.user("u99")

    def test_a_manifest_that_is_none(self, folder):
        place = json.loads((folder / "current.json").read_bytes())["manifest"]
        (folder / place).write_bytes(b"")
        with (
            reader.open(f"files:{folder}") as lists,
            pytest.raises(ListsUnavailableError, match="The published lists cannot be read"),
        ):
            lists.user("u07")


class TestPostgres:
    @pytest.fixture
    def connected(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """How a connection is opened; there is no server."""
        how: dict[str, Any] = {}

        def connect(conninfo: str, **options: Any) -> None:
            how.update(psycopg.conninfo.conninfo_to_dict(conninfo), **options)
            raise psycopg.OperationalError("no server")

        monkeypatch.setattr(psycopg, "connect", connect)
        return how

    def test_a_server_that_is_gone_is_noticed_and_a_pooler_may_lie_between(self, connected):
        with (
            reader.open("postgresql://me@db.example/shop") as lists,
            pytest.raises(ListsUnavailableError, match="no server"),
        ):
            lists.user("ann")
        assert connected["prepare_threshold"] is None
        waits = int(connected["keepalives_idle"]) + int(connected["keepalives_interval"]) * int(
            connected["keepalives_count"]
        )
        assert waits < 30
        assert 0 < int(connected["tcp_user_timeout"]) <= 30_000

    def test_what_the_address_says_of_it_counts(self, connected):
        with (
            reader.open("postgresql://me@db.example/shop?tcp_user_timeout=77") as lists,
            pytest.raises(ListsUnavailableError, match="no server"),
        ):
            lists.user("ann")
        assert connected["tcp_user_timeout"] == "77"
