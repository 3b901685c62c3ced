"""Thirty nights of a feed as feeds are: late, corrected and repeated files."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from worlds import World, assert_identical

from toplists.lake.dataset import Dataset
from toplists.lake.tables import EVENTS, LOADS, SIMILAR_ITEMS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NIGHTS = 30
FIRST = date(2024, 4, 1)
HEADER = "event_id,user,item,rating,time,updated_at"


def event(number: int, rng: random.Random) -> str:
    """One event of a feed in which even users like even items."""
    user, day = rng.randrange(60), number * NIGHTS // 1800
    item = 2 * rng.randrange(20) + (user % 2 if rng.random() < 0.9 else 1 - user % 2)
    time = datetime(2024, 4, 1, 8, tzinfo=UTC) + timedelta(days=day, seconds=number)
    return f"e{number},u{user:02},i{item:02},{rng.choice([3, 4, 5])},{time:%Y-%m-%dT%H:%M:%S}"


def files() -> list[list[str]]:
    """What arrives on each night: rows as text, without their order."""
    rng = random.Random(7)
    arriving: list[list[str]] = [[] for _ in range(NIGHTS)]
    for number in range(1800):
        night = number * NIGHTS // 1800
        row = event(number, rng)
        late = rng.random() < 0.05
        arriving[min(NIGHTS - 1, night + (rng.randrange(1, 8) if late else 0))].append(f"{row},1")
        if rng.random() < 0.05:  # another rating, some nights later, of the same event
            fields = row.split(",")
            corrected = ",".join([*fields[:3], "1", *fields[4:], "2"])
            arriving[min(NIGHTS - 1, night + rng.randrange(0, 9))].append(corrected)
    for night in (
        4,
        11,
        23,
    ):  # the file of an earlier night is sent again, in part, within a new one
        arriving[night] += arriving[night - 3][:40]
    return arriving


@pytest.mark.long
def test_thirty_nights_end_in_the_lists_of_one_load(spark: SparkSession, tmp_path: Path) -> None:
    arriving = files()
    nightly = World(Dataset(tmp_path / "nightly" / "world"), spark, tmp_path)
    for night, rows in enumerate(arriving):
        source = nightly.feed(rows, f"night-{night:02}.csv", HEADER)
        last = night == NIGHTS - 1
        nightly.night(source, as_of=FIRST + timedelta(days=night + 1), cold=last)
        if night % 9 == 5:  # the very same file once more
            assert "Nothing changed" in nightly.night(
                source, as_of=FIRST + timedelta(days=night + 1)
            )
    assert len(nightly.rows(LOADS)) == NIGHTS

    at_once = World(Dataset(tmp_path / "at-once" / "world"), spark, tmp_path)
    everything = [row for rows in arriving for row in rows]
    random.Random(1).shuffle(everything)
    at_once.night(
        at_once.feed(everything, "everything.csv", HEADER), as_of=FIRST + timedelta(days=NIGHTS)
    )

    def stored(world: World) -> list[tuple[str, float, object]]:
        rows = world.rows(EVENTS)
        return sorted((row["event_id"], row["value"], row["updated_at"]) for row in rows)

    assert stored(nightly) == stored(at_once)
    assert len({row["event_id"] for row in nightly.rows(EVENTS)}) == 1800
    assert_identical(nightly.lists(), at_once.lists())
    similar = [
        sorted(
            (
                (row["item_id"], row["items"])
                for row in world.rows(SIMILAR_ITEMS, run_id=world.live())
            ),
            key=repr,
        )
        for world in (nightly, at_once)
    ]
    assert similar[0] == similar[1]
