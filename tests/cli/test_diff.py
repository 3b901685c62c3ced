from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from rich.cells import cell_len
from store_servers import PASSWORD, free_port
from stores.conformance import people
from stores.runs import Run, Work, entries

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import RECOMMENDATIONS
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.postgres import PostgresStore
from toplists.publish.stores.redis import RedisStore
from toplists.publish.stores.secrets import Secret

RUN, LATER = "2026-03-10-11111111", "2026-03-11-44444444"


@pytest.fixture(scope="module")
def changed(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`films` with a later run that is not published: of its three users one is gone, and one new."""
    root = tmp_path_factory.mktemp("changed")
    films = Dataset(copytree(lake / "films", root / "films"))
    lists = {
        "15": ["f0", "f1", "f2"],
        "\x1b[31m[bold]o'brien[/]\n": ["f0", "lonely"],
        "new": ["f0"],
    }
    append_rows(films, RECOMMENDATIONS, [row(user, items) for user, items in lists.items()])
    return root


def row(user: str, items: list[str]) -> dict[str, Any]:
    return {
        "run_id": LATER,
        "placement": "default",
        "user_id": user,
        "items": [{"item_id": item, "score": 1.0, "source": "personal"} for item in items],
        "short_reason": None,
        "schema_version": 1,
    }


def test_who_and_what_changed_with_titles(cli, changed):
    answer = cli("diff", RUN, LATER, "--lake", str(changed))
    assert answer.code == 0
    assert answer.lines[0] == f"{RUN} to {LATER} in films   first 10 places"
    facts = dict(line.split("  ", 1) for line in map(str.strip, answer.lines[1:7]))
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts["users in both"] == "2"
    assert facts["lists changed"] == "1, 50.0 %"
    assert (facts["users entered"], facts["users left"]) == ("1", "1")
    bins = answer.lines[answer.lines.index("Rank-biased overlap of the lists of a user") + 1 :]
    assert bins[0].split()[:6] == ["0.9", "to", "1.0", "1", "50.0", "%"]
    entered = answer.lines[answer.lines.index("1 items entered, which were in no list") + 1 :]
    assert entered[1].split() == ["lonely", "[red]Lonely[/red]\\x07", "1"]
    assert answer.lines[-1] == "0 items left, which are in no list"


def test_the_same_for_a_program(cli, changed):
    answer = cli("diff", RUN, LATER, "--json", "--k", "1", "--lake", str(changed))
    found = json.loads(answer.out)
    assert (found["before"], found["now"], found["k"]) == (RUN, LATER, 1)
    assert found["users"] == {
        "in_both": 2,
        "changed": 0,
        "share_changed": 0.0,
        "entered": 1,
        "left": 1,
    }
    assert found["rank_biased_overlap"]["mean"] == pytest.approx(1.0)
    assert found["items_entered"] == {"count": 0, "first": []}


def test_items_that_left_are_named(cli, changed):
    found = json.loads(cli("diff", LATER, RUN, "--json", "--lake", str(changed)).out)
    assert found["items_left"]["first"] == [
        {"item_id": "lonely", "title": "[red]Lonely[/red]\x07", "lists": 1}
    ]


def test_a_run_without_lists_is_refused_with_those_that_have_some(cli, changed):
    answer = cli("diff", RUN, "nope", "--lake", str(changed))
    assert answer.code == 2
    assert f"The lists of run nope are not in dataset films. Those of {RUN}, {LATER} are." in (
        answer.error
    )


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_fits_the_terminal(cli, changed, columns):
    answer = cli("diff", RUN, LATER, "--lake", str(changed), terminal=True, columns=columns)
    assert max(cell_len(line) for line in answer.lines) <= columns


class TestFrom:
    def test_a_dataset_by_its_folder(self, cli, changed):
        there = f"delta:{changed / 'films'}"
        answer = cli("diff", RUN, LATER, "--from", there)
        assert answer.code == 0, answer.error
        assert answer.lines[0] == f"{RUN} to {LATER} in {there}   first 10 places"
        assert any("[red]Lonely" in line for line in answer.lines)  # titles are there, too

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        store = FilesStore("files", f"files:{tmp_path}", "parquet", 1)
        Work(Run(1, {"ann": entries("f0", "f1"), "bob": entries("f0")})).bring(store)
        Work(Run(2, {"ann": entries("f0", "f2"), "zoe": entries("f0")})).bring(store)
        return tmp_path

    def test_two_releases_of_a_store_of_files(self, toplists, folder):
        first, second = Run(1, {}).run_id, Run(2, {}).run_id
        named = (
            f'publish.stores=[{{"kind": "files", "name": "lists", "address": "files:{folder}"}}]'
        )
        for there in (f"files:{folder}", "lists"):
            asked = ("diff", first, second, "--from", there, "--set", named, "--dataset", "films")
            found = json.loads(toplists(*asked, "--json").out)
            assert found["users"] == {
                "in_both": 1,
                "changed": 1,
                "share_changed": 1.0,
                "entered": 1,
                "left": 1,
            }
            (entered,) = found["items_entered"]["first"]
            assert entered["item_id"] == "f2"
            assert entered["title"].startswith("A Title")
            (left,) = found["items_left"]["first"]
            assert (left["item_id"], left["title"]) == ("f1", "Brazil")

    def test_a_release_that_is_not_kept(self, cli, folder):
        answer = cli("diff", Run(1, {}).run_id, RUN, "--from", f"files:{folder}")
        assert answer.code == 2
        # A long path is folded where the line ends, which is somewhere else in every folder.
        said = f"The lists of run {RUN} are not in files:{folder}. Those of"
        assert "".join(said.split()) in "".join(answer.error.split())

    def test_a_release_whose_manifest_is_broken(self, cli, folder):
        first, second = Run(1, {}).run_id, Run(2, {}).run_id
        (folder / "releases" / first / "manifest.json").write_text("{")
        answer = cli("diff", first, second, "--from", f"files:{folder}")
        assert answer.code == 1
        assert "cannot be read" in answer.error

    @pytest.mark.parametrize("kind", ["postgres", "redis", "jsonl"])
    def test_two_releases_of_any_store(self, cli, kind, tmp_path, request, monkeypatch):
        monkeypatch.setenv("STORE_PASSWORD", PASSWORD)
        where, secret = f"n{uuid4().hex[:12]}", Secret("env:STORE_PASSWORD")
        quoted = quote(PASSWORD, safe="")
        if kind == "jsonl":
            address = f"files:{tmp_path}"
            store = FilesStore("files", address, "jsonl", 3)
        elif kind == "redis":
            server = request.getfixturevalue("redis_server")
            address = f"redis://:{quoted}@127.0.0.1:{server.port}#{where}"
            store = RedisStore("cache", address.replace(f":{quoted}@", ""), secret, 14.0)
        else:
            server = request.getfixturevalue("postgres_server")
            address = f"postgresql://postgres:{quoted}@127.0.0.1:{server.port}/postgres#{where}"
            store = PostgresStore("main", address.replace(f":{quoted}@", "@"), secret)
        first, second = Run(1, people(40)), Run(2, {**people(41), "u07": entries("new")})
        Work(first).bring(store)
        Work(second, first if kind != "jsonl" else None).bring(store)
        answer = cli("diff", first.run_id, second.run_id, "--from", address, "--json")
        assert answer.code == 0, answer.error
        found = json.loads(answer.out)
        assert found["users"] == {
            "in_both": 40,
            "changed": 1,
            "share_changed": 1 / 40,
            "entered": 1,
            "left": 0,
        }
        assert [one["item_id"] for one in found["items_entered"]["first"]] == ["i40", "new"]
        assert [one["item_id"] for one in found["items_left"]["first"]] == ["i7"]
        answer = cli("diff", first.run_id, RUN, "--from", address)
        assert answer.code == 2
        assert f"Those of {first.run_id}, {second.run_id} are." in answer.error
        assert PASSWORD not in answer.error
        assert quoted not in answer.error

    def test_a_store_that_does_not_answer(self, cli):
        address = f"redis://:secret@127.0.0.1:{free_port()}/0"
        answer = cli("diff", RUN, LATER, "--from", address)
        assert answer.code == 1
        assert "cannot be read" in answer.error
        assert "secret" not in answer.error
