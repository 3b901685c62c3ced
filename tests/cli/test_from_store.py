"""`--from`: stores of the settings by their names, their passwords, and how old their lists are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from cli.conftest import NOW, RUN
from stores.conformance import people
from stores.runs import Run, Work

from toplists.pipeline.watching.report import Report
from toplists.publish.stores.files import FilesStore

PASSWORD = "pa'ss w@rd/"


def setting(**entry: Any) -> str:
    return "publish.stores=" + json.dumps([entry])


def fill(folder: Path, action: str = "publish", hours_ago: int = 1) -> str:
    """Lists of a run of 2026-03-01 in files, live by such a move; their address."""
    run, store = Run(1, people(3)), FilesStore("files", f"files:{folder}", "parquet", 1)
    Work(run).bring(store)
    moved = NOW - timedelta(hours=hours_ago)
    live = replace(run.publication, action=action, published_at=moved)
    store.activate(run.run_id, "films", live, NOW)
    return f"files:{folder}"


class TestByName:
    def test_lists_of_a_store_for_the_dataset(self, toplists, tmp_path):
        fill(tmp_path / "films")
        named = setting(kind="files", name="lists", address=f"files:{tmp_path}/{{dataset}}")
        answer = toplists("show", "user", "u1", "--from", "lists", "--set", named)
        assert answer.code == 0, answer.error
        assert answer.lines[0].startswith("User u1 in store lists   run 2026-03-01-00000001")

    def test_a_name_that_settings_do_not_know(self, toplists):
        named = setting(kind="files", name="lists", address="files:/x")
        answer = toplists("status", "--from", "cache", "--set", named)
        assert answer.code == 2
        assert "cache is neither an address" in answer.error
        assert "publish.stores names lists." in answer.error

    @pytest.mark.parametrize("where", ["env", "file"])
    def test_passwords_come_from_where_the_secret_says(
        self, toplists, monkeypatch, tmp_path, where
    ):
        (tmp_path / "secret").write_text(PASSWORD, encoding="utf-8")
        monkeypatch.setenv("CACHE_PASSWORD", PASSWORD)
        secret = {"env": "env:CACHE_PASSWORD", "file": f"file:{tmp_path / 'secret'}"}[where]
        used = []

        def postgres(conninfo: str, **_: Any) -> None:
            used.append(psycopg.conninfo.conninfo_to_dict(conninfo)["password"])
            raise psycopg.OperationalError("no server")

        def of_redis(client: redis.Redis, *_: Any, **__: Any) -> None:
            used.append(client.connection_pool.connection_kwargs["password"])
            raise redis.ConnectionError("no server")

        monkeypatch.setattr(psycopg, "connect", postgres)
        monkeypatch.setattr(redis.Redis, "get", of_redis)
        for kind, address in (
            ("postgres", "postgresql://me@db.example/shop#{dataset}"),
            ("redis", "redis://cache.example/0#{dataset}"),
        ):
            named = setting(kind=kind, name="main", address=address, secret=secret)
            answer = toplists("status", "--from", "main", "--set", named)
            assert answer.code == 1
            assert "no server" in answer.error
            assert PASSWORD not in answer.error
        assert set(used) == {PASSWORD}
        assert len(used) >= 2

    def test_a_secret_that_is_not_there(self, toplists):
        named = setting(
            kind="redis", name="cache", address="redis://cache.example", secret="env:NOT_SET"
        )
        answer = toplists("status", "--from", "cache", "--set", named)
        assert answer.code == 2
        assert (
            "--from cache: the variable NOT_SET, which `secret` names, is not set" in answer.error
        )


class TestAge:
    def test_lists_that_were_rolled_back_to_are_as_old_as_what_they_know(self, cli, tmp_path):
        there = fill(tmp_path, "rollback")  # an hour ago; the lists are of nine days ago
        stale = cli("status", "--from", there, "--max-age", "26h")
        assert stale.code == 7
        assert (
            "rolled back to what knows nothing since 2026-03-01 00:00 UTC, 9 days ago"
            in stale.error
        )
        assert "name its --dataset" in stale.error
        assert cli("status", "--from", there, "--max-age", "10d").code == 0

    def test_those_published_are_as_old_as_that(self, cli, tmp_path):
        there = fill(tmp_path, hours_ago=30)
        assert cli("status", "--from", there, "--max-age", "30h").code == 0
        stale = cli("status", "--from", there, "--max-age", "29h")
        assert stale.code == 7
        assert "published 1 day ago" in stale.error

    def test_the_webhook_is_told(self, toplists, lake, monkeypatch):
        told: list[Report] = []
        monkeypatch.setattr(
            "toplists.pipeline.watching.telling.send",
            lambda _, report, *, seconds: told.append(report),
        )
        asked = ("status", "--from", f"delta:{lake / 'films'}", "--dataset", "films")
        hook = ("--set", "watch.webhook=https://hooks.example/x")
        assert toplists(*asked, "--max-age", "2h", *hook).code == 0
        assert told == []
        assert toplists(*asked, "--max-age", "1h", *hook).code == 7
        (report,) = told
        assert (report.event, report.dataset, report.run_id) == ("staleness", "films", RUN)
        assert "too old" in report.reason
