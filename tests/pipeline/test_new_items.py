"""Items that nobody has touched yet: the catalogue alone brings them into the lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from worlds import LIST_LENGTH, N_ITEMS, World, assert_identical, two_tastes

from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import RUNS, SIMILAR_ITEMS, SNAPSHOT_ITEMS
from toplists.pipeline.invariants.check import check_dataset

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEADER = "item,title,genres,available_from"
NEW = {"a-new": "even", "i0-new": "odd"}  # before the others in order of ids
LATER, STOPPED = "i42-later", "i43-stopped"


def catalogue(folder: Path) -> str:
    """Even items are of one genre, odd ones of another; some that nobody knows are of each."""
    lines = [f"i{n:02},Item {n},{'odd' if n % 2 else 'even'}," for n in range(N_ITEMS)]
    lines += [f"{item},New,{genre}," for item, genre in NEW.items()]
    lines += [f"{LATER},Not yet,odd,2030-01-01", f"{STOPPED},Never,odd,", "i44-blank,Blank,,"]
    path = folder / "items.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return str(path)


def changes(folder: Path, *, new_items: bool, name: str, **recommend: Any) -> dict[str, Any]:
    return {
        "ingest": {"items": catalogue(folder)},
        "prepare": {"new_items": new_items, "stop_items": [STOPPED]},
        "model": {
            "name": name,
            "als": {"rank": 4, "iterations": 3, "regularization": 0.01},
            "content_knn": {"parts": {"genres": 1.0}},
        },
        "recommend": {
            "n": LIST_LENGTH,
            "similar_n": 4,
            **recommend,
        },
        "gate": {"min_users": 1000},
    }


@pytest.fixture(scope="module")
def described(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world after a night by content, with what is new among its items."""
    folder = tmp_path_factory.mktemp("described")
    world = World(Dataset(folder / "lake" / "described"), spark, folder)
    source = world.feed(two_tastes())
    world.printed = world.night(
        source,
        **changes(folder, new_items=True, name="content_knn", similar_fallback="content_knn"),
    )
    return world


def test_who_likes_a_genre_is_recommended_what_is_new_in_it(described: World) -> None:
    lists = described.lists()
    for user, items in lists.items():
        found = {item: source for item, _, source in items}
        own, other = ("i0-new", "a-new") if int(user[1:]) % 2 else ("a-new", "i0-new")
        # All of a genre are equally alike: the smallest id comes first.
        assert items[0][0] == own, user
        assert found[own] == "personal"
        assert not {other, LATER, STOPPED, "i44-blank"} & found.keys()


def test_new_items_are_in_lists_of_similar_ones_and_have_one(described: World) -> None:
    rows = {row["item_id"]: row for row in described.rows(SIMILAR_ITEMS, run_id=described.live())}
    assert NEW.keys() < rows.keys()
    assert not {LATER, STOPPED} & rows.keys()
    new = [(entry["item_id"], entry["source"]) for entry in rows["a-new"]["items"]]
    assert new == [(f"i{n:02}", "content") for n in (0, 2, 4, 6)]
    assert rows["i44-blank"]["items"] == []
    assert rows["i44-blank"]["short_reason"] == "few_neighbours"
    # Who has enough raters keeps what these like.
    assert {entry["source"] for entry in rows["i00"]["items"]} == {"similar"}


def test_the_snapshot_says_what_is_new(described: World) -> None:
    items = {row["item_id"]: row for row in described.rows(SNAPSHOT_ITEMS, run_id=described.live())}
    assert items["a-new"]["item_pos"] == 0
    assert {items[item]["interactions"] for item in NEW} == {0}
    (row,) = [
        row for row in read_rows(described.dataset, RUNS, step="prepare") if row["state"] == "done"
    ]
    facts = json.loads(row["facts"])
    assert (facts["items"], facts["new_items"]) == (N_ITEMS + 3, 3)
    assert f"{N_ITEMS + 3} items (3 of them new)" in described.printed


def test_the_lake_is_sound(described: World) -> None:
    findings = check_dataset(described.dataset, keep_runs=2)
    assert [finding for finding in findings if finding.state != "holds"] == []


@pytest.mark.long
def test_other_models_do_not_notice(described: World, tmp_path: Path) -> None:
    """Factors of likings are the same with and without items that nobody knows."""
    copied = shutil.copytree(described.dataset.root, tmp_path / "lake" / "described")
    world, lists = World(Dataset(copied), described.spark, described.folder), []
    for new_items in (True, False):
        world.night(
            world.first_feed,
            force=True,
            **changes(
                world.folder,
                new_items=new_items,
                name="als",
                similar="content_knn" if new_items else "item_knn",
            ),
        )
        lists.append(world.lists())
        if new_items:
            (row,) = world.rows(SIMILAR_ITEMS, run_id=world.live(), item_id="i00")
            alike = [(entry["item_id"], entry["source"]) for entry in row["items"]]
            assert alike == [(item, "similar") for item in ("a-new", "i02", "i04", "i06")]
    assert_identical(*lists)
