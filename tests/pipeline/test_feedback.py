"""Nights on events of several kinds: filters, availability, fallbacks, and users who left."""

from __future__ import annotations

import json
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from events import shuffle_partitions
from worlds import LIST_LENGTH, World, assert_identical, two_tastes

from toplists.errors import ConfigurationError
from toplists.ingest.source import parse_source
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Run
from toplists.lake.tables import (
    EVENTS,
    INTERACTIONS,
    ITEMS,
    MODELS,
    POPULAR_ITEMS,
    RECOMMENDATIONS,
    RUNS,
    SIMILAR_ITEMS,
    SNAPSHOT_USERS,
    USERS,
)
from toplists.pipeline.nightly import begin_run
from toplists.pipeline.steps.ingest import ingest_source
from toplists.pipeline.steps.prepare import prepare
from toplists.reader.delta import open_delta

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEADER = "user,item,event_type,rating,time"
GONE, FUTURE, STOPPED, NEW = "i02", "i05", "i07", "new"
HIDDEN = {GONE, FUTURE, STOPPED}


def take_in(world: World, lines: list[str], **changes: Any) -> str:
    """Take in what has no value, and run a night on the rest, which comes with values."""
    without = [line.replace(",,", ",") for line in lines if ",," in line]
    source = world.feed(without, "clicks.csv", header=HEADER.replace(",rating", ""))
    world.workplace(
        world.settings(),
        lambda place: ingest_source(place, parse_source(source)),
        lambda: world.spark,
    )
    rated = [line for line in lines if ",," not in line]
    return world.night(world.feed(rated, header=HEADER), **changes)


def mixed_feed() -> list[str]:
    """Two tastes as ratings, and events of other kinds among them."""
    lines = []
    for line in two_tastes():
        user, item, rating, time = line.split(",")
        lines.append(f"{user},{item},rating,{rating},{time}")
        if rating == "5":
            lines.append(f"{user},{item},view,,{time[:-1]}9")
    # A machine that looks at nearly everything.
    lines += [f"bot,i{n:02},view,,2024-01-05T00:00:{n:02}" for n in range(36)]
    # Zoe bought something and sent it back: nothing is left to learn from.
    lines += [
        "zoe,i01,purchase,19.9,2024-01-02T00:00:00",
        "zoe,i01,return,,2024-01-03T00:00:00",
    ]
    # An item of the last days.
    lines += [f"u{user:02},{NEW},purchase,5,2024-01-11T12:00:00" for user in range(1, 30, 2)]
    return lines


def fill_catalogue(dataset: Dataset) -> None:
    dataset.create_tables()
    ends = {GONE: (None, datetime(2024, 1, 13, tzinfo=UTC))}  # as_of itself: no longer
    begins = {FUTURE: (datetime(2024, 1, 14, tzinfo=UTC), None)}
    append_rows(
        dataset,
        ITEMS,
        [
            {
                "item_id": item,
                "genres": [],
                "attributes": {},
                "load_id": "test",
                "available_from": available_from,
                "available_until": available_until,
            }
            for item, (available_from, available_until) in (ends | begins).items()
        ],
    )
    # Even users live in de, odd ones in fr, as does zoe; of bot nothing is known.
    users = {f"u{n:02}": "fr" if n % 2 else "de" for n in range(60)} | {"zoe": "fr"}
    append_rows(
        dataset,
        USERS,
        [
            {"user_id": user, "attributes": {"country": country}, "load_id": "test"}
            for user, country in users.items()
        ],
    )


def changes(folder: Path) -> dict[str, Any]:
    """The settings of these nights."""
    stop_list = folder / "stop.txt"
    stop_list.write_text(f"{STOPPED}\n", encoding="utf-8")
    return {
        "prepare": {
            "event_weights": {"view": 1, "purchase": 5, "rating": 3},
            "half_life_days": 20.0,
            "session_gap_minutes": 60,
            "stop_items_file": str(stop_list),
            "outliers": {"burst_events": 30},
            "split": {"method": "days", "holdout_days": 3},
        },
        "recommend": {
            "n": LIST_LENGTH,
            "similar_n": 4,
            "fallback": ["segment", "trending", "window", "popularity"],
            "segment_by": "country",
            "trending_days": 2,
            "trending_baseline_days": 5,
            "window_days": 4,
        },
    }


@dataclass(frozen=True)
class Mixed:
    """A world after a night on the mixed feed, and what was seen in it."""

    world: World
    seen: dict[str, set[str]]


@pytest.fixture(scope="module")
def mixed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    folder = tmp_path_factory.mktemp("mixed")
    world = World(Dataset(folder / "lake" / "mixed"), spark, folder)
    fill_catalogue(world.dataset)
    world.printed = take_in(world, mixed_feed(), **changes(folder))
    seen = defaultdict(set)
    for line in mixed_feed():
        user, item, *_ = line.split(",")
        seen[user].add(item)
    return Mixed(world, seen)


def test_lists_are_full_and_hold_nothing_hidden_or_seen(mixed: Mixed) -> None:
    lists = mixed.world.lists()
    assert lists.keys() == mixed.seen.keys()
    catalogue = set.union(*mixed.seen.values()) - HIDDEN
    for user, items in lists.items():
        ids = {item for item, _, _ in items}
        assert not ids & (HIDDEN | mixed.seen[user])
        # What bot has not seen is less than a list.
        assert len(ids) == len(items) == min(LIST_LENGTH, len(catalogue - mixed.seen[user]))


def test_what_is_unavailable_is_trained_on_and_what_is_stopped_is_not(mixed: Mixed) -> None:
    weights = defaultdict(float)
    for row in mixed.world.rows(INTERACTIONS, run_id=mixed.world.live()):
        weights[row["item_id"]] += row["weight"]
    assert weights[GONE] > 0
    assert weights[FUTURE] > 0
    assert weights[STOPPED] == 0


def test_similar_and_popular_items_hide_them_too_and_stay_full(mixed: Mixed) -> None:
    run_id = mixed.world.live()
    similar = {row["item_id"]: row for row in mixed.world.rows(SIMILAR_ITEMS, run_id=run_id)}
    popular = mixed.world.rows(POPULAR_ITEMS, run_id=run_id)
    for row in [*similar.values(), *popular]:
        assert not {entry["item_id"] for entry in row["items"]} & HIDDEN
    # An item that is gone keeps a page with what is like it.
    assert {len(row["items"]) for item, row in similar.items() if item != STOPPED} == {4}
    assert {row["segment"]: len(row["items"]) for row in popular} == {
        "all": LIST_LENGTH,
        "de": LIST_LENGTH,
        "fr": LIST_LENGTH,
    }


def test_every_item_says_who_put_it_there(mixed: Mixed) -> None:
    lists = mixed.world.lists()
    assert {source for _, _, source in lists["u00"]} == {"personal"}
    # Of zoe only the country is known: it likes odd items, but i01, sent back, still counts as seen.
    assert {source for _, _, source in lists["zoe"]} == {"segment"}
    assert all(item == NEW or int(item[1:]) % 2 for item, _, _ in lists["zoe"])
    # bot is an outlier: not trained on, of no segment, but it has a list.
    assert "personal" not in {source for _, _, source in lists["bot"]}
    popular = {
        row["segment"]: [(entry["item_id"], entry["source"]) for entry in row["items"]]
        for row in mixed.world.rows(POPULAR_ITEMS, run_id=mixed.world.live())
    }
    assert popular["all"][0] == (NEW, "trending")
    assert {source for _, source in popular["fr"]} == {"segment"}
    assert [item for item, _ in popular["de"]] != [item for item, _ in popular["fr"]]


def test_the_ledger_says_what_was_left_out(mixed: Mixed) -> None:
    (done,) = [row for row in mixed.world.rows(RUNS, step="prepare") if row["state"] == "done"]
    facts = json.loads(done["facts"])
    stopped = sum(f",{STOPPED}," in line and "bot" not in line for line in mixed_feed())
    assert facts["excluded"] == {
        "stop_items": {"users": len({u for u, s in mixed.seen.items() if STOPPED in s}),
                       "events": stopped + 1},
        "burst": {"users": 1, "events": 35},
    }  # fmt: skip
    assert "burst 35 events of 1 users" in mixed.world.printed
    assert facts["segments"] == ["de", "fr"]
    assert facts["cut"] == "2024-01-10T00:00:00+00:00"


def test_evaluation_and_publication_fit_the_whole_chain(mixed: Mixed) -> None:
    fits = {(row["model"], row["part"]) for row in mixed.world.rows(MODELS)}
    chain = ("segment", "trending", "window", "popularity")
    assert {(model, part) for model in chain for part in ("train", "all")} <= fits


@pytest.mark.long
def test_neither_partitions_nor_blocks_nor_order_change_a_list_of_it(
    mixed: Mixed, world: World
) -> None:
    fill_catalogue(world.dataset)
    lines = mixed_feed()
    random.Random(1).shuffle(lines)
    with shuffle_partitions(world.spark, 32):
        take_in(world, lines, engine={"block_entries": 100}, **changes(world.folder))
    assert_identical(world.lists(), mixed.world.lists())
    popular, expected = (
        {row["segment"]: row["items"] for row in w.rows(POPULAR_ITEMS, run_id=w.live())}
        for w in (world, mixed.world)
    )
    assert popular == expected


def test_a_changed_stop_list_makes_a_new_run(mixed: Mixed, tmp_path: Path) -> None:
    world = mixed.world
    settings = changes(tmp_path)
    run_of = lambda: world.workplace(  # noqa: E731 - short
        world.settings(**settings), lambda place: begin_run(place, None), None
    )
    first: Run = run_of()
    assert run_of().run_id == first.run_id
    (tmp_path / "stop.txt").write_text("i30\n", encoding="utf-8")
    assert run_of().run_id != first.run_id
    # The run that was begun with the other list does not go on with this one.
    with pytest.raises(ConfigurationError, match=r"stop\.txt has changed since run"):
        world.workplace(world.settings(**settings), lambda place: prepare(place, first), None)


@pytest.fixture
def next_day(mixed: Mixed, tmp_path: Path) -> World:
    """A copy of that world, to go on with."""
    dataset = Dataset(shutil.copytree(mixed.world.dataset.root, tmp_path / "lake" / "mixed"))
    return World(dataset, mixed.world.spark, tmp_path)


def test_an_attribute_that_nobody_has_is_refused(next_day: World) -> None:
    recommend = {"segment_by": "planet", "fallback": ["segment", "popularity"]}
    with pytest.raises(ConfigurationError, match=r"recommend\.segment_by = planet, but no user"):
        next_day.workplace(
            next_day.settings(recommend=recommend),
            lambda place: prepare(place, begin_run(place, None)),
            lambda: next_day.spark,
        )


def test_users_who_left_keep_no_list(next_day: World) -> None:
    world = next_day
    reader = open_delta(world.dataset.root)
    for left in ("u01", "zoe"):
        own = reader.user(left)
        assert own is not None
        assert not own.fallback
    # Zoe's events are taken out, as a deletion does; odd users do not come back.
    DeltaTable(world.dataset.path(EVENTS)).delete("user_id = 'zoe'")
    back = [f"u{user:02},i{(user + 2) % 40:02},5,2024-02-20T00:00:00" for user in range(0, 60, 2)]
    world.night(
        world.feed(back, "back.csv"),
        recommend={"n": LIST_LENGTH, "similar_n": 4, "active_days": 30},
        gate={"min_users": 1000, "min_user_retention": 0.0},
    )
    run_id = world.live()
    listed = {row["user_id"] for row in world.rows(RECOMMENDATIONS, run_id=run_id)}
    assert listed == {f"u{user:02}" for user in range(0, 60, 2)}
    assert "zoe" not in {row["user_id"] for row in world.rows(SNAPSHOT_USERS, run_id=run_id)}
    # The same reader, which had their lists before, has them no more, and falls back.
    for left in ("u01", "zoe"):
        popular = reader.user(left)
        assert popular is not None
        assert popular.fallback
        assert (popular.run_id, len(popular.items)) == (run_id, LIST_LENGTH)
