"""Made-up feedback: its size, its shape, and that it is the same every time."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from toplists.dataset.synthetic import World, make_events, split_last_day

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORLD = World(users=3000, items=400, events=60_000, days=20, until=date(2026, 1, 1), seed=7)


def test_events_have_the_shape_of_real_feedback(spark: SparkSession) -> None:
    events = make_events(spark, WORLD).cache()
    total = events.count()
    assert 0.85 * WORLD.events < total < 1.1 * WORLD.events
    assert events.select("user", "item").distinct().count() == total
    assert events.select("user").distinct().count() == WORLD.users
    per_item = [row["count"] for row in events.groupBy("item").count().collect()]
    assert max(per_item) > 8 * total / WORLD.items  # a few are much more popular
    assert len(per_item) > 0.95 * WORLD.items
    assert events.where("rating NOT BETWEEN 0.5 AND 5").count() == 0

    before, last = split_last_day(events, WORLD.until)
    assert before.count() + last.count() == total
    assert 0.8 / WORLD.days < last.count() / total < 1.2 / WORLD.days

    again = make_events(spark, WORLD)
    assert events.exceptAll(again).isEmpty()
    assert not events.exceptAll(make_events(spark, World(**{**vars(WORLD), "seed": 8}))).isEmpty()
