"""A night killed before and after each of its writes, and the same night again."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from killing import left_behind, of_every_kind, restore
from worlds import World, assert_identical, two_tastes

from toplists.ingest.source import parse_source
from toplists.lake import failpoints
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Run
from toplists.lake.tables import EVENTS, POPULAR_ITEMS, SIMILAR_ITEMS
from toplists.pipeline.invariants.check import check_dataset
from toplists.pipeline.invariants.finding import Finding
from toplists.pipeline.nightly import begin_run
from toplists.pipeline.steps.ingest import ingest_source
from toplists.pipeline.steps.maintain import clear_files, remove_expired, tend_tables
from toplists.pipeline.workplace import Workplace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Moment = tuple[str, int]
"""A moment's name, and which time it is come to."""
Kill = Callable[[Moment | None], None]

MORE = [f"u{user:02},i{(user * 11 + 5) % 40:02},5,2024-02-01T00:00:{user:02}" for user in range(40)]

# That of the fixture `first_night`, which tells how it ends undisturbed.
FIRST_FEED = [*two_tastes(), "zoe,i00,1,2024-01-01T00:00:00"]

# The worst, in the order of a night: between what belongs together. Every moment has its turn alone
# in the long tests.
WORST: list[Moment] = [
    ("after append events", 1),  # `loads` does not know of them
    ("after replace user_factors", 1),  # the registry does not know the model
    ("before replace recommendations", 1),  # models are stored, and nothing is made of them
    ("after append publications", 1),  # current.json and the ledger do not tell of it
]


class KilledError(BaseException):
    """What happens instead of `kill -9`, so that the session lives on."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Kill:
    """Lets the next thing end at a moment; after it nothing is written any more, as by the dead."""

    def arm(moment: Moment | None) -> None:
        times: Counter[str] = Counter()
        passed: list[Moment] = []

        def reach(name: str) -> None:
            if moment is not None and moment in passed:
                raise KilledError
            times[name] += 1
            passed.append((name, times[name]))
            if passed[-1] == moment:
                raise KilledError

        monkeypatch.setattr(failpoints, "reach", reach)

    return arm


@pytest.fixture(scope="module")
def two_nights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset after two nights, both of which are kept."""
    folder = tmp_path_factory.mktemp("two-nights")
    world = World(Dataset(folder / "lake" / "world"), spark, folder)
    world.night(first_feed(world))
    world.night(world.feed(MORE[:20], "second.csv"))
    return world


def copy_of(world: World, folder: Path) -> World:
    shutil.copytree(world.dataset.root, folder / "lake" / "world")
    return World(Dataset(folder / "lake" / "world"), world.spark, folder)


@pytest.fixture
def first(spark: SparkSession, tmp_path: Path) -> World:
    """A first night, about to begin."""
    return World(Dataset(tmp_path / "lake" / "world"), spark, tmp_path)


@pytest.fixture
def third(two_nights: World, tmp_path: Path) -> World:
    """A third night, about to begin: it merges, and removes the first night's run."""
    return copy_of(two_nights, tmp_path)


def first_feed(world: World) -> str:
    return world.feed(FIRST_FEED)


def third_feed(world: World) -> str:
    return world.feed(MORE[20:], "third.csv")


Published = tuple[dict[str, list[tuple[str, float, str]]], list[Any], list[Any]]


def published(world: World) -> Published:
    run_id = world.live()
    similar, popular = (
        sorted(world.rows(table, run_id=run_id), key=repr)
        for table in (SIMILAR_ITEMS, POPULAR_ITEMS)
    )
    return world.lists(run_id), similar, popular


def assert_same(left: Published, right: Published) -> None:
    assert_identical(left[0], right[0])
    assert left[1:] == right[1:]


def end(world: World, feed: str, kill: Kill, moment: Moment) -> None:
    kill(moment)
    with pytest.raises(KilledError):
        world.night(feed)
    kill(None)


def defects_once_maintained(world: World) -> list[Finding]:
    maintain(world)
    findings = check_dataset(world.dataset, keep_runs=2)
    return [finding for finding in findings if finding.state != "holds"]


def maintain(world: World) -> None:
    def work(place: Workplace) -> None:
        remove_expired(place, dry_run=False)
        list(tend_tables(place, dry_run=False))
        clear_files(place, logs=None, dry_run=False)

    world.workplace(world.settings(maintain={"vacuum_hours": 0}), work, lambda: world.spark)


def test_a_first_night_killed_at_its_worst_moments_one_after_the_other(
    first: World, first_night: World, kill: Kill
) -> None:
    feed = first_feed(first)
    for moment in WORST:
        end(first, feed, kill, moment)
        # Snapshot and publication fits are in tables; what else the night needs is made again.
        shutil.rmtree(first.dataset.work, ignore_errors=True)
    first.night(feed)
    assert defects_once_maintained(first) == []
    assert_same(published(first), published(first_night))


def test_a_dead_load_hides_no_event_from_a_night_over_another_input(
    first: World, kill: Kill
) -> None:
    header = "event_id,user,item,rating,time,updated_at"
    rows = [f"e{number},{line},1" for number, line in enumerate(two_tastes())]
    user, item, _, time = two_tastes()[0].split(",")
    corrected = f"e0,{user},{item},1,{time},2"
    world, feed = first, first.feed(rows, header=header)

    def stored() -> list[tuple[str, float, str]]:
        return sorted((row["event_id"], row["value"], row["load_id"]) for row in world.rows(EVENTS))

    def begin_night(place: Workplace) -> Run:
        ingest_source(place, parse_source(feed))
        return begin_run(place, None)

    begun = world.workplace(world.settings(), begin_night, lambda: world.spark)
    before = stored()
    end(world, world.feed([corrected], "correction.csv", header), kill, ("after merge events", 1))
    assert stored() != before
    assert world.workplace(world.settings(), begin_night, lambda: world.spark) == begun
    assert stored() == before


@pytest.mark.long
@pytest.mark.parametrize("night", ["first", "third"])
def test_a_night_killed_after_every_kind_of_write(
    night: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world: World = request.getfixturevalue(night)
    feed = first_feed(world) if night == "first" else third_feed(world)
    states = left_behind(world, lambda: world.night(feed), monkeypatch, tmp_path / "states")
    expected = published(world)
    assert len(states) > 50
    for moment, state in of_every_kind(states):
        restore(world, state)
        world.night(feed)
        assert defects_once_maintained(world) == [], moment
        assert_same(published(world), expected)


@pytest.mark.long
def test_a_worker_killed_at_its_writes(first_night: World, tmp_path: Path) -> None:
    # The variable reaches the workers with each function that they are sent.
    workers = first_night.spark.sparkContext.environment

    def begin(name: str) -> World:
        (tmp_path / name).mkdir()
        return World(Dataset(tmp_path / name / "lake/world"), first_night.spark, tmp_path / name)

    try:
        workers[failpoints.FAIL_AT] = f">{tmp_path / 'notes'}"
        world = begin("recorded")
        world.night(first_feed(world))
        # One of each kind: blocks and halves differ in their numbers.
        noted = (tmp_path / "notes").read_text().splitlines()
        moments = {re.sub(r"\d+", "#", moment): moment for moment in noted}.values()
        assert len(moments) > 10
        for number, moment in enumerate(moments):
            world = begin(str(number))
            workers[failpoints.FAIL_AT] = moment
            with pytest.raises(Exception, match=r"Python worker exited|crashed"):
                world.night(first_feed(world))
            del workers[failpoints.FAIL_AT]
            world.night(first_feed(world))
            assert_same(published(world), published(first_night))
            shutil.rmtree(tmp_path / str(number))
    finally:
        workers.pop(failpoints.FAIL_AT, None)
