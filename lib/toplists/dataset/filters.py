"""Filters: which events are not trained on, and which rule left them out.

A filter takes feedback out of training, never out of what a user has seen: what it leaves out keeps
its row with a weight of 0. Each is a function from events to events that writes its name into
`excluded` where no filter before it has written one, and looks at the other events only. So they
compose, and the counts of what each removed add up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.prepare import PrepareSettings
from toplists.dataset.event_weights import RATING
from toplists.dataset.loader import known_before

_MICROSECONDS_PER_MINUTE = 60_000_000
# The factor that makes the median absolute deviation of normal data its standard deviation.
_NORMAL = 0.6745


@dataclass(frozen=True)
class Filter:
    """A filter under its name, the thresholds filled in."""

    name: str
    apply: Callable[[DataFrame], DataFrame]


def choose_filters(
    settings: PrepareSettings, as_of: date, stop_items: Collection[str]
) -> list[Filter]:
    """The filters that the settings ask for, in the order in which they are applied."""
    outliers = settings.outliers
    since, until = _bounds(settings, as_of)
    filters: list[Filter] = []

    def add(name: str, apply: Callable[[DataFrame], DataFrame]) -> None:
        filters.append(Filter(name, apply))

    if stop_items:
        add("stop_items", lambda events: exclude_items(events, stop_items))
    if since is not None or until is not None:
        add("window", lambda events: exclude_outside(events, since, until))
    if (most := outliers.max_events) is not None:
        add("max_events", lambda events: exclude_busy_users(events, most))
    if (burst := outliers.burst_events) is not None:
        add("burst", lambda events: exclude_bursts(events, burst, outliers.burst_minutes))
    if (score := outliers.max_deviation) is not None:
        add("deviation", lambda events: exclude_deviating_users(events, score))
    if (ratings := outliers.same_value_from) is not None:
        add("same_value", lambda events: exclude_same_value(events, ratings))
    return filters


def apply_filters(events: DataFrame, filters: Sequence[Filter]) -> DataFrame:
    """The input with `excluded: string`: the filter that left an event out, null = trained on."""
    events = events.withColumn("excluded", F.lit(None).cast("string"))
    for one in filters:
        events = one.apply(events)
    return events


def exclude_items(events: DataFrame, stop_items: Collection[str]) -> DataFrame:
    """Leave out events of `stop_items`.

    Args:
        events: `[item_id: string, excluded: string, …]`.
        stop_items: Ids of items.
    """
    return _exclude(events, "stop_items", F.col("item_id").isin(sorted(stop_items)))


def exclude_outside(events: DataFrame, since: datetime | None, until: datetime | None) -> DataFrame:
    """Leave out events before `since`, and from `until` on; those without a time stay.

    Args:
        events: `[event_time: timestamp, excluded: string, …]`.
        since: Begin of what is allowed; `None` = no limit.
        until: Its end, exclusive; `None` = no limit.
    """
    time = F.col("event_time")
    early = F.lit(False) if since is None else time < F.lit(since)
    late = F.lit(False) if until is None else time >= F.lit(until)
    return _exclude(events, "window", early | late)


def exclude_busy_users(events: DataFrame, max_events: int) -> DataFrame:
    """Leave out users with more than `max_events` events.

    Args:
        events: `[user_id: string, excluded: string, …]`.
        max_events: The most that is believed of one person.
    """
    return _exclude(events, "max_events", _of_user(_counted()) > max_events)


def exclude_bursts(events: DataFrame, max_events: int, minutes: int) -> DataFrame:
    """Leave out users with more than `max_events` events within any interval of `minutes`.

    The interval slides: it may begin at any event, and does not include its end.

    Args:
        events: `[user_id: string, event_time: timestamp, excluded: string, …]`; events without a
            time are in no interval.
        max_events: The most that is believed of one person in that time.
        minutes: Length of the interval.
    """
    timed = events.withColumn("micros", F.unix_micros("event_time"))
    length = minutes * _MICROSECONDS_PER_MINUTE
    interval = W.partitionBy("user_id").orderBy("micros").rangeBetween(1 - length, W.currentRow)
    counts = timed.withColumn(
        "burst", F.count_if(_counted() & F.col("micros").isNotNull()).over(interval)
    )
    most = F.max("burst").over(W.partitionBy("user_id"))
    return _exclude(counts, "burst", most > max_events).drop("micros", "burst")


def exclude_deviating_users(events: DataFrame, max_score: float) -> DataFrame:
    """Leave out users whose number of events is too far above the others'.

    The modified z-score `0.6745 (x - median) / MAD` of x = log(number of events), MAD being the
    median of the absolute distances from the median; Iglewicz and Hoaglin, "How to detect and handle
    outliers", 1993, who take more than 3.5 for an outlier. The logarithm because activity has a long
    tail. Where more than half of the users have the same number of events, MAD is 0 and nobody is
    left out.

    Args:
        events: `[user_id: string, excluded: string, …]`.
        max_score: The highest score that is believed.
    """
    sizes = events.where(_counted()).groupBy("user_id").count().select(F.log("count").alias("size"))
    median = _median(sizes, F.col("size"))
    spread = None if median is None else _median(sizes, F.abs(F.col("size") - median))
    if median is None or not spread:
        return events
    own = _of_user(_counted())
    # Who has no event left has no score.
    score = F.when(own > 0, _NORMAL * (F.log(own.cast("double")) - median) / spread)
    return _exclude(events, "deviation", score > max_score)


def exclude_same_value(events: DataFrame, min_ratings: int) -> DataFrame:
    """Leave out users with at least `min_ratings` ratings that all have one value.

    Such answers do not tell items apart ("straightlining": Kim et al., Social Science Computer
    Review 37(2), 2019).

    Args:
        events: `[user_id: string, event_type: string, value: double, excluded: string, …]`.
        min_ratings: Ratings from which on it is no coincidence.
    """
    rated = _counted() & (F.col("event_type") == RATING) & F.col("value").isNotNull()
    value, of_user = F.when(rated, F.col("value")), W.partitionBy("user_id")
    same = F.min(value).over(of_user) == F.max(value).over(of_user)
    return _exclude(events, "same_value", same & (_of_user(rated) >= min_ratings))


def _bounds(settings: PrepareSettings, as_of: date) -> tuple[datetime | None, datetime | None]:
    """Begin and end of what is trained on."""
    window = settings.window
    begins = [window.since] if window.since else []
    if window.last_days is not None:
        begins.append(as_of - timedelta(days=window.last_days))
    since = known_before(max(begins)) if begins else None
    return since, known_before(window.until) if window.until else None


def _counted() -> Column:
    """Whether no filter left the event out so far."""
    return F.col("excluded").isNull()


def _of_user(condition: Column) -> Column:
    """How many events of the event's user satisfy a condition."""
    return F.count_if(condition).over(W.partitionBy("user_id"))


def _median(rows: DataFrame, value: Column) -> float | None:
    row = rows.agg(F.median(value)).first()
    return None if row is None else row[0]


def _exclude(events: DataFrame, name: str, condition: Column) -> DataFrame:
    """Write `name` where the condition holds and no filter has written before."""
    left_out = _counted() & F.coalesce(condition, F.lit(False))
    return events.withColumn("excluded", F.when(left_out, name).otherwise(F.col("excluded")))
