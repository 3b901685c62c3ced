"""Made-up feedback: its size, its shape, and that it is the same every time."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from toplists.dataset.synthetic import World, make_events, split_last_day

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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


def test_more_dimensions_find_more_of_what_users_like(spark: SparkSession) -> None:
    """A truncated SVD of the history finds the last day's items better than popularity does."""
    before, last = (
        sp.csr_array((np.ones(len(user)), (user, item)), shape=(WORLD.users, WORLD.items))
        for user, item in map(positions, split_last_day(make_events(spark, WORLD), WORLD.until))
    )

    def hits(scores: np.ndarray) -> int:
        scores[before.nonzero()] = -np.inf
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        return sum(last[user, items].sum() for user, items in enumerate(best))

    def hits_of_rank(rank: int) -> int:
        users, roots, items = svds(before, k=rank, random_state=0)
        return hits((users * roots) @ items)

    popular = hits(np.tile(before.sum(axis=0), (WORLD.users, 1)))
    assert popular > 0
    assert hits_of_rank(2) > 1.1 * popular
    assert hits_of_rank(8) > 1.1 * hits_of_rank(2)


def positions(events: DataFrame) -> tuple[np.ndarray, np.ndarray]:
    pairs = events.select("user", "item").toArrow()
    user, item = (
        np.array([int(name[1:]) for name in pairs.column(side).to_pylist()])
        for side in ("user", "item")
    )
    return user, item
