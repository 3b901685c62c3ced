"""From events of several kinds to weights: what counts, how much, and what it does not depend on."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from events import AS_OF, END, Event, by, days_ago, event, frame, shuffle_partitions

from toplists.config.prepare import PrepareSettings
from toplists.dataset.filters import choose_filters
from toplists.dataset.opinions import opinions_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WEIGHTS = {"view": 1.0, "click": 2.0, "cart": 3.0, "purchase": 5.0}
DAY = timedelta(days=1)


def opinions(
    spark: SparkSession, events: list[Event], key: str = "item_id", **settings: Any
) -> dict[str, dict[str, Any]]:
    chosen = PrepareSettings(**settings)
    filters = choose_filters(chosen, AS_OF, chosen.stop_items)
    return by(key, opinions_of(frame(spark, events), chosen, AS_OF, filters))


def weights(
    spark: SparkSession, cases: dict[str, list[Event]], **settings: Any
) -> dict[str, float]:
    """The weight of each case: a name, which becomes its item, and the events of one pair."""
    events = [
        (f"{name}/{one[0]}", one[1], name, *one[3:]) for name, case in cases.items() for one in case
    ]
    settings.setdefault("event_weights", WEIGHTS)
    return {name: row["weight"] for name, row in opinions(spark, events, **settings).items()}


def test_kinds_add_up_to_a_cap(spark: SparkSession) -> None:
    found = weights(
        spark,
        {
            "a view": [event("1")],
            "all": [event(kind, kind) for kind in WEIGHTS],  # 1 + 2 + 3 + 5, over the cap
            "twice": [event("1", "click"), event("2", "click")],
            "not named": [event("1", "wishlist")],
            "zero": [event("1", "impression")],
            "only a return": [event("1", "return")],
        },
        event_weights=WEIGHTS | {"impression": 0.0},
        other_event_weight=0.5,
        max_weight=8.0,
    )
    assert found == {
        "a view": 1.0,
        "all": 8.0,
        "twice": 4.0,
        "not named": 0.5,
        "zero": 0.0,
        "only a return": 0.0,
    }


def test_ratings_and_events_in_one_feed(spark: SparkSession) -> None:
    rated = lambda name, value, days: event(name, "rating", value=value, time=days_ago(days))  # noqa: E731 - short
    viewed = event("v", time=days_ago(5))
    cases = {
        "liked": [rated("r", 4.0, 9)],
        "liked and viewed": [rated("r", 5.0, 9), viewed],
        "last rating counts, not their sum": [rated("r", 5.0, 9), rated("s", 4.5, 8), viewed],
        # What a user says outranks what the user does.
        "disliked": [rated("r", 2.0, 9), viewed],
        "liked after all": [rated("r", 2.0, 9), rated("s", 5.0, 8)],
        "rated without a value": [event("r", "rating")],
        # The value of what is no rating is an amount: 2.50 for a purchase is no dislike.
        "bought cheaply": [event("p", "purchase", value=2.5)],
    }
    events = [(f"{n}/{e[0]}", e[1], n, *e[3:]) for n, case in cases.items() for e in case]
    found = opinions(spark, events, event_weights=WEIGHTS | {"rating": 4.0})
    assert {name: row["weight"] for name, row in found.items()} == {
        "liked": 4.0,
        "liked and viewed": 5.0,
        "last rating counts, not their sum": 5.0,
        "disliked": 0.0,
        "liked after all": 4.0,
        "rated without a value": 4.0,
        "bought cheaply": 5.0,
    }
    # `positive` is what has a weight, `value` the last rating's, `contradicted` about ratings alone.
    assert [n for n, row in found.items() if not row["positive"]] == ["disliked"]
    assert found["last rating counts, not their sum"]["value"] == 4.5
    assert found["bought cheaply"]["value"] is None
    contradicted = {name for name, row in found.items() if row["contradicted"]}
    assert contradicted == {"last rating counts, not their sum", "liked after all"}
    # The pair's time is that of its last event of any kind.
    assert found["liked and viewed"]["event_time"] == days_ago(5).replace(tzinfo=None)


def test_a_value_is_learnt_with_the_weight_of_its_rating(spark: SparkSession) -> None:
    rated = lambda name, value, days: event(name, "rating", value=value, time=days_ago(days))  # noqa: E731 - short
    cases = {
        "liked": [rated("r", 5.0, 10)],
        "disliked": [rated("r", 1.0, 10)],
        "newest": [rated("r", 1.0, 20)],
        "viewed, too": [rated("r", 5.0, 10), event("v", time=days_ago(10))],
        "only viewed": [event("v", value=5.0, time=days_ago(10))],
        "without a value": [event("r", "rating", time=days_ago(10))],
    }
    events = [(f"{n}/{e[0]}", e[1], n, *e[3:]) for n, case in cases.items() for e in case]
    weighed = {"event_weights": WEIGHTS | {"rating": 4.0}, "half_life_days": 10.0, "max_weight": 2}
    found = opinions(spark, events, **weighed)
    assert {name: row["rating_weight"] for name, row in found.items()} == {
        "liked": 2.0,  # 4, halved once
        "disliked": 2.0,
        "newest": 1.0,
        "viewed, too": 2.0,
        "only viewed": 0.0,
        "without a value": 0.0,
    }
    assert found["viewed, too"]["weight"] == 2.0  # the cap
    sent_back = [event("1", "rating", value=5.0), event("2", "return", value=5.0, time=days_ago(1))]
    assert opinions(spark, sent_back)["i1"]["rating_weight"] == 0.0


def test_cap_and_minima_hold_among_likings_and_among_ratings(spark: SparkSession) -> None:
    def rows(user: str, *values: float | None) -> list[Event]:
        """Newest last: items i0, i1, …"""
        return [
            event(
                f"{user}{n}", "rating", user=user, item=f"i{n}", value=value, time=days_ago(9 - n)
            )
            for n, value in enumerate(values)
        ]

    events = [
        *rows("ada", 5.0, 1.0, 5.0, 1.0, 5.0),  # likes i0, i2, i4
        *rows("bob", 5.0, 1.0, 5.0),
        *rows("cid", 1.0, 1.0),  # likes nothing
        *rows("eve", None, None, None),  # says nothing
    ]

    def trained(**settings: int) -> dict[str, str]:
        chosen = PrepareSettings(**settings)
        found = opinions_of(frame(spark, events), chosen, AS_OF, []).collect()
        return {
            weight: " ".join(
                sorted(f"{row.user_id[0]}{row.item_id[1]}" for row in found if row[weight] > 0)
            )
            for weight in ("weight", "rating_weight")
        }

    assert trained() == {
        "weight": "a0 a2 a4 b0 b2 e0 e1 e2",
        "rating_weight": "a0 a1 a2 a3 a4 b0 b1 b2 c0 c1",
    }
    assert trained(max_user_interactions=2) == {
        "weight": "a2 a4 b0 b2 e1 e2",
        "rating_weight": "a3 a4 b1 b2 c0 c1",
    }
    assert trained(min_item_interactions=2) == {
        "weight": "a0 a2 b0 b2 e0 e2",
        "rating_weight": "a0 a1 a2 b0 b1 b2 c0 c1",
    }
    # Without i3 and i4, ada has three ratings; without cid, i0 and i1 have two raters each.
    assert trained(min_item_interactions=2, min_user_interactions=3) == {
        "weight": "",
        "rating_weight": "a0 a1 a2 b0 b1 b2",
    }


def test_without_weights_the_last_event_decides_whatever_its_type(spark: SparkSession) -> None:
    events = [
        event("1", "rating", item="liked", value=4.0),
        event("1b", "rating", item="disliked", value=3.9),
        event("2", "rating", item="changed", value=5.0, time=days_ago(3)),
        event("3", "rating", item="changed", value=1.0, time=days_ago(2)),
        event("4", "purchase", item="returned", time=days_ago(3)),
        event("5", "return", item="returned", time=days_ago(2)),
        event("6", "view", item="twice", time=days_ago(3)),
        event("7", "view", item="twice", time=days_ago(2)),
    ]
    found = opinions(spark, events)
    assert {item: (row["weight"], row["events"]) for item, row in found.items()} == {
        "liked": (1.0, 1),
        "disliked": (0.0, 1),
        "changed": (0.0, 2),
        "returned": (0.0, 2),  # but this one
        "twice": (1.0, 2),
    }
    assert found["changed"]["value"] == 1.0


def test_weight_halves_with_every_half_life(spark: SparkSession) -> None:
    found = weights(
        spark,
        {
            "now": [event("1", "purchase", time=END - timedelta(microseconds=1))],
            "one": [event("1", "purchase", time=days_ago(10))],
            "two": [event("1", "purchase", time=days_ago(20))],
            "a day": [event("1", "purchase", time=days_ago(1))],
            "two of them": [event("1", time=days_ago(10)), event("2", time=days_ago(20))],
            "no time": [event("1", "purchase")],
            "too old to count": [event("1", "purchase", time=days_ago(350))],
        },
        half_life_days=10.0,
    )
    expected = {
        "now": 5.0,
        "one": 2.5,
        "two": 1.25,
        "a day": 5.0 * 2 ** (-1 / 10),
        "two of them": 0.75,
        "no time": 5.0,
        "too old to count": 0.0,
    }
    assert found == {name: pytest.approx(value, rel=1e-7) for name, value in expected.items()}


def test_half_life_holds_for_ratings_too(spark: SparkSession) -> None:
    rated = event("1", "rating", value=5.0, time=days_ago(10))
    assert weights(spark, {"old": [rated]}, half_life_days=10.0, event_weights={}) == {"old": 0.5}


# --- returns --------------------------------------------------------------------------------------


def test_a_return_cancels_the_latest_purchase_before_it(spark: SparkSession) -> None:
    buy = lambda name, days: event(name, "purchase", time=days_ago(days))  # noqa: E731 - short
    back = lambda name, days: event(name, "return", time=days_ago(days))  # noqa: E731 - short
    found = weights(
        spark,
        {
            # With a half-life of 10 days the two purchases weigh 2.5 and 1.25: the later one goes.
            "bought twice, returned once": [buy("a", 20), buy("b", 10), back("c", 5)],
            "returned between": [buy("a", 20), back("b", 15), buy("c", 10)],
            "both returned": [buy("a", 20), buy("b", 10), back("c", 5), back("d", 4)],
            "more returns than purchases": [
                buy("a", 20),
                back("b", 15),
                back("c", 14),
                buy("d", 10),
            ],
            "return before any purchase": [back("a", 20), buy("b", 10)],
            "views stay": [event("a", time=days_ago(10)), buy("b", 9), back("c", 8)],
            "at the same time": [buy("b", 10), back("a", 10)],
            # What has no time came before all else.
            "return without a time": [buy("a", 10), event("b", "return")],
            "both without a time": [event("b", "purchase"), event("a", "return")],
        },
        half_life_days=10.0,
    )
    assert found == {
        "bought twice, returned once": 1.25,
        "returned between": 2.5,
        "both returned": 0.0,
        "more returns than purchases": 2.5,
        "return before any purchase": 2.5,
        "views stay": 0.5,
        "at the same time": 0.0,
        "return without a time": 2.5,
        "both without a time": 0.0,
    }


def test_what_was_sent_back_last_is_no_liking_without_weights_either(spark: SparkSession) -> None:
    events = [event("1", "purchase", time=days_ago(9)), event("2", "return", time=days_ago(1))]
    found = opinions(spark, events)["i1"]
    assert (found["positive"], found["weight"], found["events"]) == (False, 0.0, 2)
    again = [*events, event("3", "purchase", time=days_ago(0.5))]
    assert opinions(spark, again)["i1"]["weight"] == 1.0


def test_a_cancelled_purchase_still_counts_as_seen(spark: SparkSession) -> None:
    events = [event("1", "purchase", time=days_ago(3)), event("2", "return", time=days_ago(2))]
    row = opinions(spark, events, event_weights=WEIGHTS)["i1"]
    # The pair has its row, which masks the item, and is not trained on.
    assert (row["weight"], row["positive"], row["events"]) == (0.0, False, 2)


def test_a_return_of_what_a_filter_left_out_cancels_nothing_else(spark: SparkSession) -> None:
    events = [
        event("1", "purchase", time=days_ago(9)),
        event("2", "purchase", time=days_ago(2)),
        event("3", "return", time=days_ago(1)),
    ]
    settings = {"event_weights": WEIGHTS, "window": {"until": days_ago(3).date()}}
    assert opinions(spark, events, **settings)["i1"]["weight"] == 5.0


# --- against an oracle, for any order and partitions ----------------------------------------------


def random_events(seed: int, number: int = 1500) -> list[Event]:
    rng = random.Random(seed)
    kinds = ["view", "click", "purchase", "purchase", "return", "return", "rating", "share"]
    return [
        event(
            f"e{n:05}",
            rng.choice(kinds),
            user=f"u{rng.randrange(12)}",
            item=f"i{rng.randrange(12)}",
            value=rng.choice([None, 1.0, 4.0, 5.0]),
            # Few distinct times, so that many events are at the same one; and some have none.
            time=None if rng.random() < 0.1 else days_ago(rng.randrange(1, 40) / 4 + 1 / 3),
        )
        for n in range(number)
    ]


def plain_weights(events: list[Event], half_life: float, cap: float) -> dict[str, float]:
    """The same in plain Python: a stack of purchases per pair."""
    pairs: dict[str, list[Event]] = defaultdict(list)
    for one in events:
        pairs[f"{one[1]} {one[2]}"].append(one)
    begin = datetime.min.replace(tzinfo=END.tzinfo)
    found = {}
    for pair, own in pairs.items():
        purchases: list[float] = []
        others, said = 0.0, None
        for name, _, _, kind, value, time in sorted(
            own, key=lambda e: (e[5] or begin, e[3] == "return", e[0])
        ):
            left = 1.0 if time is None else 2 ** (-((END - time) / DAY) / half_life)
            if kind == "purchase":
                purchases.append(WEIGHTS[kind] * left)
            elif kind == "return":
                purchases[-1:] = []
            elif kind == "rating":
                if said is None or (time or begin, name) > said[0]:
                    said = ((time or begin, name), value, left)
            else:
                others += WEIGHTS.get(kind, 1.0) * left
        total = sum(purchases) + others + (said[2] if said else 0.0)
        disliked = said is not None and said[1] is not None and said[1] < 4
        found[pair] = 0.0 if disliked else min(cap, total)
    return found


def test_weights_equal_a_plain_oracle(spark: SparkSession) -> None:
    events = random_events(1)
    settings = PrepareSettings(event_weights=WEIGHTS, half_life_days=3.0, max_weight=12.0)
    rows = opinions_of(frame(spark, events), settings, AS_OF, []).collect()
    found = {f"{row['user_id']} {row['item_id']}": row["weight"] for row in rows}
    expected = plain_weights(events, 3.0, 12.0)
    assert found == {pair: pytest.approx(w, rel=1e-6, abs=1e-8) for pair, w in expected.items()}
    assert len({w for w in expected.values() if 0 < w < 12}) > 50  # it is not all cap and zero


def test_neither_order_nor_partitions_change_a_bit(spark: SparkSession) -> None:
    events = random_events(2)
    settings = PrepareSettings(
        event_weights=WEIGHTS | {"click": 0.1},  # no sum of binary fractions
        half_life_days=3.7,
        session_gap_minutes=600,
        max_user_interactions=7,
        outliers={"max_deviation": 3.0, "burst_events": 40, "burst_minutes": 900},
    )

    def run(rows: list[Event], partitions: int) -> list[tuple[str, bytes]]:
        with shuffle_partitions(spark, partitions):
            shuffled = frame(spark, rows).repartition(partitions)
            filters = choose_filters(settings, AS_OF, [])
            found = opinions_of(shuffled, settings, AS_OF, filters).collect()
        return sorted((str(row), np.float32(row["weight"]).tobytes()) for row in found)

    expected = run(events, 1)
    for seed, partitions in ((3, 1), (4, 32)):
        permuted = events[:]
        random.Random(seed).shuffle(permuted)
        assert run(permuted, partitions) == expected


# --- sessions -------------------------------------------------------------------------------------


def test_sessions_end_with_a_pause(spark: SparkSession) -> None:
    start = days_ago(9)
    at = {  # minutes after the start: the session
        "0": (0, 1),
        "30 min later": (30, 1),  # exactly the gap: goes on
        "at the same time": (30, 1),
        "a second over": (60 + 1 / 60, 2),
        "next day": (1500, 3),
    }
    events = [
        event(name, item=name, time=start + timedelta(minutes=minutes))
        for name, (minutes, _) in at.items()
    ]
    events += [
        event("no time", item="no time"),
        event("bob", item="bob's", user="bob", time=start + timedelta(minutes=1500)),
        # The pair's session is that of its last event.
        event("again", item="0", time=start + timedelta(minutes=1501)),
    ]
    found = opinions(spark, events, session_gap_minutes=30)
    sessions = {item: row["session"] for item, row in found.items()}
    expected = {name: session for name, (_, session) in at.items()}
    assert sessions == expected | {"0": 3, "no time": None, "bob's": 1}


def test_no_sessions_unless_asked_for(spark: SparkSession) -> None:
    assert opinions(spark, [event("1", time=days_ago(1))])["i1"]["session"] is None
