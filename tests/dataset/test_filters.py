"""Filters: who and what is not trained on, by which rule, and that it still counts as seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from events import AS_OF, Event, by, days_ago, event, frame

from toplists.config.prepare import PrepareSettings
from toplists.dataset.filters import apply_filters, choose_filters
from toplists.dataset.opinions import count_excluded, opinions_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def excluded(spark: SparkSession, events: list[Event], **settings: Any) -> dict[str, str | None]:
    """Which filter left each event out, by event id."""
    chosen = PrepareSettings(**settings)
    filters = choose_filters(chosen, AS_OF, chosen.stop_items)
    rows = apply_filters(frame(spark, events), filters)
    return {name: row["excluded"] for name, row in by("event_id", rows).items()}


def many(user: str, number: int, **details: Any) -> list[Event]:
    """Events of one user, each with an item of its own."""
    return [event(f"{user}{n}", user=user, item=f"i{n}", **details) for n in range(number)]


def left_out(found: dict[str, str | None]) -> dict[str, str]:
    """The filter by user, all of whose events must have met the same fate."""
    users: dict[str, set[str | None]] = {}
    for name, by_filter in found.items():
        users.setdefault(name.rstrip("0123456789"), set()).add(by_filter)
    assert all(len(fates) == 1 for fates in users.values()), users
    return {user: fate for user, (fate,) in users.items() if fate is not None}


def test_the_window_is_in_days(spark: SparkSession) -> None:
    events = [
        event("before", time=days_ago(30) - timedelta(microseconds=1)),
        event("first", time=days_ago(30)),
        event("last", time=days_ago(10) - timedelta(microseconds=1)),
        event("after", time=days_ago(10)),
        event("no time"),  # always known, in every window
    ]
    window = {"since": days_ago(30).date(), "until": days_ago(10).date()}
    by_dates = excluded(spark, events, window=window)
    assert {name for name, reason in by_dates.items() if reason == "window"} == {"before", "after"}
    by_age = excluded(spark, events, window={"last_days": 30})
    assert {name for name, reason in by_age.items() if reason} == {"before"}


def test_users_with_too_many_events(spark: SparkSession) -> None:
    events = many("bot", 6) + many("fan", 5)
    assert left_out(excluded(spark, events, outliers={"max_events": 5})) == {"bot": "max_events"}


def test_users_with_too_many_events_at_once(spark: SparkSession) -> None:
    start = days_ago(5)

    def at(user: str, *seconds: float) -> list[Event]:
        times = [start + timedelta(seconds=s) for s in seconds]
        return [event(f"{user}{n}", user=user, time=t) for n, t in enumerate(times)]

    events = [
        *at("bot", 0, 10, 20, 59.999999),  # four within a minute
        *at("slow", 0, 10, 20, 60),  # the fourth is a whole minute later
        *at("across", 3590, 3600, 3610, 3620),  # no border of a minute or an hour protects
        *at("spread", *range(0, 4000, 40)),  # many, but never four in a minute
        *many("timeless", 9),
    ]
    found = left_out(excluded(spark, events, outliers={"burst_events": 3}))
    assert found == {"bot": "burst", "across": "burst"}
    # An hour is another matter.
    hour = {"burst_events": 3, "burst_minutes": 60}
    assert left_out(excluded(spark, events, outliers=hour)).keys() == {
        "bot", "slow", "across", "spread",
    }  # fmt: skip


def test_users_far_from_the_others(spark: SparkSession) -> None:
    # Sizes 1, 2, 4, 8, 16 and 512: in powers of two the median is 2.5, the distances from it 2.5,
    # 1.5, 0.5, 0.5, 1.5, 6.5, their median 1.5; so 512 scores 0.6745 * 6.5 / 1.5 = 2.92.
    sizes = {"a": 1, "b": 2, "c": 4, "d": 8, "e": 16, "bot": 512}
    events = [one for user, size in sizes.items() for one in many(user, size)]
    score = lambda limit: left_out(excluded(spark, events, outliers={"max_deviation": limit}))  # noqa: E731 - short
    assert score(2.9) == {"bot": "deviation"}
    assert score(2.95) == {}


def test_nobody_deviates_where_most_are_alike(spark: SparkSession) -> None:
    events = [*many("a", 2), *many("b", 2), *many("c", 2), *many("d", 50)]
    assert left_out(excluded(spark, events, outliers={"max_deviation": 0.1})) == {}


def test_users_who_always_say_the_same(spark: SparkSession) -> None:
    rated = {"kind": "rating", "value": 5.0}
    events = [
        *many("bot", 4, **rated),
        *many("new", 3, **rated),  # may be a coincidence
        *many("fan", 4, **rated),
        event("fan9", "rating", user="fan", value=4.0),
        *many("buyer", 9, kind="purchase", value=1.0),  # an amount is no rating
        *many("clicker", 9, kind="rating"),  # without a value nothing is said
    ]
    found = left_out(excluded(spark, events, outliers={"same_value_from": 4}))
    assert found == {"bot": "same_value"}


def test_filters_compose_and_their_counts_add_up(spark: SparkSession) -> None:
    settings = PrepareSettings(
        stop_items=("i0",), window={"last_days": 10}, outliers={"max_events": 3}
    )
    events = [
        *many("bot", 6, time=days_ago(1)),
        # Five events, but only three of them in the window and not of a stopped item.
        *many("fan", 4, time=days_ago(1)),
        event("old", user="fan", item="i9", time=days_ago(11)),
        event("older", user="bob", item="i9", time=days_ago(12)),
    ]
    filters = choose_filters(settings, AS_OF, settings.stop_items)
    opinions = opinions_of(frame(spark, events), settings, AS_OF, filters)
    assert count_excluded(opinions, filters) == {
        "stop_items": {"users": 2, "events": 2},
        "window": {"users": 2, "events": 2},
        "max_events": {"users": 1, "events": 5},
    }
    rows = opinions.collect()
    # Nothing disappears: what is left out is there to be masked, at weight 0.
    assert sum(row["events"] for row in rows) == len(events)
    trained = {(row["user_id"], row["item_id"]) for row in rows if row["weight"] > 0}
    assert trained == {("fan", "i1"), ("fan", "i2"), ("fan", "i3")}


def test_what_is_left_out_has_no_value_to_learn_from(spark: SparkSession) -> None:
    events = [
        event("1", "rating", item="old", value=5.0, time=days_ago(11)),
        event("2", "rating", item="both", value=1.0, time=days_ago(11)),
        event("3", "rating", item="both", value=5.0, time=days_ago(5)),
        event("4", "rating", item="stays", value=5.0, time=days_ago(5)),
        event("5", "rating", item="stays", value=1.0, time=days_ago(1)),
    ]
    window = {"last_days": 10, "until": days_ago(2).date()}
    settings = PrepareSettings(window=window)
    filters = choose_filters(settings, AS_OF, [])
    found = by("item_id", opinions_of(frame(spark, events), settings, AS_OF, filters))
    assert {item: (row["value"], row["weight"]) for item, row in found.items()} == {
        "old": (None, 0.0),
        "both": (5.0, 1.0),
        "stays": (5.0, 1.0),
    }
    # It belongs to the time of what counts, so that it is split there; activity is another matter.
    assert found["stays"]["event_time"] == days_ago(5).replace(tzinfo=None)
    assert found["stays"]["last_time"] == days_ago(1).replace(tzinfo=None)


def test_no_filter_unless_asked_for() -> None:
    assert choose_filters(PrepareSettings(), AS_OF, []) == []
