"""The input gate: what it refuses of a daily feed, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from toplists.config.ingest import InputSettings
from toplists.dataset.arrivals import Arrivals, Day, count_days, look_closer
from toplists.dataset.input_gate import judge_input

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LAST = date(2026, 3, 10)  # a Tuesday
SETTINGS = InputSettings()
USUAL = Day(events=5000, users=1000, items=400, new_users=50, new_items=4)
SAME = ((1000, 28_000), (4000, 112_000))


def feed(last: Day | None = USUAL, *, weeks: int = 8, sundays: Day | None = USUAL) -> Arrivals:
    """A feed of usual days; on Sundays and on the last day as said."""
    days = {}
    for back in range(1, 7 * weeks + 1):
        day = LAST - timedelta(days=back)
        if (counts := sundays if day.weekday() == 6 else USUAL) is not None:
            days[day] = counts
    if last is not None:
        days[LAST] = last
    return Arrivals(LAST, days, SAME)


def failed(arrivals: Arrivals, settings: InputSettings = SETTINGS) -> list[str]:
    return [check.name for check in judge_input(arrivals, settings) if not check.passed]


def judged(arrivals: Arrivals) -> list[str]:
    return [check.name for check in judge_input(arrivals, SETTINGS) if check.judged]


def test_a_usual_day_passes_every_check() -> None:
    assert judged(feed()) == ["yesterday", "volume", "new_users", "new_items", "values"]
    assert failed(feed()) == []


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, ["yesterday"]),
        (replace(USUAL, events=1400), ["volume"]),  # a partition is missing
        (replace(USUAL, events=1600), []),
        (replace(USUAL, events=21_000), ["volume"]),  # delivered many times
        (replace(USUAL, new_users=400), ["new_users"]),  # ids were renumbered, in part
        (replace(USUAL, new_users=340), []),
        (replace(USUAL, new_items=200), ["new_items"]),
    ],
)
def test_what_a_day_may_be(last: Day | None, expected: list[str]) -> None:
    assert failed(feed(last)) == expected


def test_another_scale_of_values_is_noticed() -> None:
    stars = ((200, 5600), (800, 22_400), (4000, 112_000))
    shifted = ((4000, 5600), (800, 22_400), (200, 112_000))
    assert failed(replace(feed(), bins=stars)) == []
    assert failed(replace(feed(), bins=shifted)) == ["values"]


def test_a_weekday_is_compared_with_its_like() -> None:
    quiet = replace(USUAL, events=1000, users=300)
    arrivals = feed(sundays=quiet)
    sunday = replace(arrivals, last=date(2026, 3, 8))
    assert failed(sunday) == []


@pytest.mark.parametrize(
    "arrivals",
    [
        Arrivals(LAST, {}),  # a first load without times
        Arrivals(LAST, {LAST: USUAL}),  # the first day of a feed
        Arrivals(LAST, {LAST - timedelta(days=7 * back): USUAL for back in range(9)}),  # weekly
        Arrivals(
            LAST, {LAST - timedelta(days=back): Day(30, 9, 20) for back in range(57)}
        ),  # small
    ],
)
def test_what_does_not_come_daily_or_is_small_is_not_judged(arrivals: Arrivals) -> None:
    (check,) = judge_input(arrivals, SETTINGS)
    assert check.passed
    assert not check.judged


def test_a_young_feed_is_judged_by_what_it_can_be() -> None:
    assert judged(feed(weeks=3)) == ["yesterday", "new_users", "new_items", "values"]


def test_feeds_without_values_have_no_drift() -> None:
    assert judged(replace(feed(), bins=())) == ["yesterday", "volume", "new_users", "new_items"]


def test_days_new_ids_and_values_are_counted(spark: SparkSession) -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 3, day, 12, tzinfo=UTC)

    events = spark.createDataFrame(
        [
            ("ann", "old", 1.0, at(1)),
            ("ann", "old", 2.0, at(9)),
            ("bob", "old", 2.0, at(9)),  # new on the day before the last
            ("cid", "new", 5.0, at(10)),  # both new on the last day
            ("cid", "old", None, at(10)),
            ("eve", "old", 3.0, at(10)),
            ("eve", "old", 3.0, None),  # always known, so not new
            ("dan", "old", 1.0, datetime(2025, 1, 1, tzinfo=UTC)),  # before the window
        ],
        "user_id string, item_id string, value double, event_time timestamp",
    ).selectExpr("*", "to_date(event_time) AS event_date")
    arrivals = look_closer(count_days(events, date(2026, 3, 11)), events)
    assert arrivals.last == date(2026, 3, 10)
    assert arrivals.days == {
        date(2026, 3, 1): Day(1, 1, 1, 1, 0),
        date(2026, 3, 9): Day(2, 2, 1, 1, 0),
        date(2026, 3, 10): Day(3, 2, 2, 1, 1),
    }
    # Values 1, 2, 2 before; 5 and 3 on the last day are above all of them.
    assert arrivals.bins == ((0, 1), (0, 2), (2, 0))
