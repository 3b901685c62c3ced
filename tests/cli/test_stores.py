"""The stores in `toplists status`."""

from __future__ import annotations

import json
from datetime import timedelta
from shutil import copytree

import pytest
from cli.conftest import NOW, RUN, ledger_row

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import RUNS

STORES = ("main", "files")
SETTING = "publish.stores=" + json.dumps(
    [{"kind": "files", "name": name, "address": f"files:/srv/{name}"} for name in STORES]
)
BEFORE = "2026-03-09-00000000"


def export(hours_ago, run_id=RUN, state="done", stores=(), **behind):
    facts = {"stores": {name: {"run_id": run_id} for name in stores}, "behind": behind}
    at = NOW - timedelta(hours=hours_ago)
    return ledger_row(run_id, "export", state, at=at, facts=json.dumps(facts))


@pytest.fixture
def said(cli, lake, tmp_path):
    """What is said of the stores after such exports."""

    def run(*exports):
        films = Dataset(copytree(lake / "films", tmp_path / "films"))
        if exports:
            append_rows(films, RUNS, list(exports))
        answer = cli("status", "--lake", str(tmp_path), "--set", SETTING)
        lines = [line.split(maxsplit=2) for line in answer.lines if line.startswith("  store ")]
        return {name: what for _, name, what in lines}

    return run


NOTHING = "behind, shows nothing yet: ./spark-submit.sh export brings it"


def test_nothing_was_exported_yet(said):
    assert said() == dict.fromkeys(STORES, NOTHING)


def test_one_that_shows_what_is_live_and_one_that_was_never_filled(said):
    assert said(export(1, stores=["main"])) == {
        "main": f"shows run {RUN}, brought 1 hour ago",
        "files": NOTHING,
    }


def test_a_run_that_was_published_and_not_exported(said):
    assert said(export(24, BEFORE, stores=["main"]))["main"] == (
        f"behind, shows run {BEFORE}, brought 1 day ago: ./spark-submit.sh export brings it"
    )


def test_why_it_is_behind_until_a_later_export_brings_it(said):
    failed = export(2, state="failed", stores=["files"], main="no \x1b[31mroom.")
    found = said(export(24, BEFORE, stores=STORES), failed)
    assert found["main"] == (
        f"behind, shows run {BEFORE}, brought 1 day ago: no \\x1b[31mroom. "
        "./spark-submit.sh export --resume brings what is missing"
    )
    assert found["files"] == f"shows run {RUN}, brought 2 hours ago"


def test_an_export_that_was_repeated(said):
    failed = export(2, state="failed", stores=["files"], main="no room")
    found = said(failed, export(1, stores=["main"]))
    assert found["main"] == f"shows run {RUN}, brought 1 hour ago"
    assert found["files"] == f"shows run {RUN}, brought 2 hours ago"


def test_none_are_named_where_settings_name_none(toplists):
    assert not [line for line in toplists("status").lines if "store" in line]
