"""What arrived day by day: the figures by which an input is judged before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.engine.tasks import at_once

WEEKS = 8
"""Days are compared with so many weeks before them."""

_QUANTILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@dataclass(frozen=True)
class Day:
    """The events of one UTC day, and who and what they are of, where that was counted."""

    events: int
    users: int = 0
    items: int = 0
    new_users: int = 0
    new_items: int = 0


@dataclass(frozen=True)
class Arrivals:
    """The last day before `as_of`, and the weeks before it.

    `days` holds the days that have events. `bins` counts the values of the last day and of the four
    weeks before it in the same bins; empty where events have no values.
    """

    last: date
    days: Mapping[date, Day]
    bins: tuple[tuple[int, int], ...] = ()

    def before(self, days: int) -> list[Day]:
        """What the `days` days before the last one held; those without events are left out."""
        wanted = (self.last - timedelta(days=back) for back in range(1, days + 1))
        return [self.days[day] for day in wanted if day in self.days]

    def same_weekday(self) -> list[Day]:
        """What the same weekday held in the weeks before; those without events are left out."""
        wanted = (self.last - timedelta(weeks=back) for back in range(1, WEEKS + 1))
        return [self.days[day] for day in wanted if day in self.days]


def count_days(events: DataFrame, as_of: date) -> Arrivals:
    """Count the events of the last day before `as_of` and of the weeks before it.

    Args:
        events: `[event_date: date]`, those known at `as_of`.
        as_of: End of what is known.

    Returns:
        Arrivals without users, items and bins.
    """
    last = as_of - timedelta(days=1)
    recent = _between(events, last - timedelta(weeks=WEEKS), last)
    counted = recent.groupBy("event_date").agg(F.count(F.lit(1)).alias("events")).collect()
    return Arrivals(last, {row.event_date: Day(row.events) for row in counted})


def look_closer(arrivals: Arrivals, events: DataFrame) -> Arrivals:
    """Add whose the events are, how many of these were never seen before, and how values are distributed.

    Args:
        arrivals: What `count_days` returned.
        events: `[user_id: string, item_id: string, value: double, event_date: date]`; an id that also
            has events without a time was always known.
    """
    found: dict[str, dict[date, tuple[int, int]]] = {}
    bins: list[tuple[tuple[int, int], ...]] = []
    at_once(
        lambda: found.update(users=_count_ids(events, "user_id", arrivals.last)),
        lambda: found.update(items=_count_ids(events, "item_id", arrivals.last)),
        lambda: bins.append(_bins(events, arrivals.last)),
    )
    days = {}
    for day, counts in arrivals.days.items():
        users, new_users = found["users"][day]
        items, new_items = found["items"][day]
        days[day] = Day(counts.events, users, items, new_users, new_items)
    return Arrivals(arrivals.last, days, bins[0])


def _between(events: DataFrame, first: date, last: date) -> DataFrame:
    return events.where(F.col("event_date").between(F.lit(first), F.lit(last)))


def _count_ids(events: DataFrame, column: str, last: date) -> dict[date, tuple[int, int]]:
    """By day: how many ids had events, and how many of them their first."""
    back = F.date_diff(F.lit(last), "event_date")
    # The days of an id are the bits of one number, so that its events are looked at once.
    bit = F.when(
        back.between(0, 7 * WEEKS), F.call_function("shiftleft", F.lit(1).cast("long"), back)
    )
    per_id = events.groupBy(column).agg(
        F.bit_or(bit).alias("days"),
        F.max(back).alias("first"),
        F.bool_or(F.col("event_date").isNull()).alias("untimed"),
    )
    numbers = F.array(*map(F.lit, range(7 * WEEKS + 1)))
    had = F.filter(numbers, lambda number: F.getbit("days", number) == 1)
    new = (F.col("first") == F.col("back")) & ~F.col("untimed")
    rows = (
        per_id.select(F.explode(had).alias("back"), "first", "untimed")
        .groupBy("back")
        .agg(F.count(F.lit(1)).alias("ids"), F.count_if(new).alias("new"))
        .collect()
    )
    return {last - timedelta(days=row["back"]): (row["ids"], row["new"]) for row in rows}


def _bins(events: DataFrame, last: date) -> tuple[tuple[int, int], ...]:
    recent = _between(events, last - timedelta(days=28), last).where(F.col("value").isNotNull())
    is_last = F.col("event_date") == F.lit(last)
    before = F.when(~is_last, F.col("value"))
    row = recent.agg(F.percentile_approx(before, _QUANTILES)).first()
    if row is None or row[0] is None:
        return ()
    # A bin ends with its edge, so that a value that many share has a bin to itself.
    edges = sorted(set(row[0]))
    number = F.size(F.filter(F.array(*map(F.lit, edges)), lambda edge: edge < F.col("value")))
    rows = (
        recent.groupBy(number.alias("bin"))
        .agg(F.count_if(is_last).alias("last"), F.count_if(~is_last).alias("before"))
        .collect()
    )
    counts = {row.bin: (row["last"], row["before"]) for row in rows}
    return tuple(counts.get(bin_, (0, 0)) for bin_ in range(len(edges) + 1))
