"""Made-up feedback of a realistic shape and any size, for benchmarks and trials.

Activity is lognormal, popularity falls with the rank of an item to the power of 0.9, and every user
leans to one of a few tastes, so that there is something to learn. The same seed gives the same events,
however many tasks make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from toplists.engine.tasks import run_tasks

_USERS_PER_BLOCK = 2_048
_EXPONENT = 0.9
_SPREAD = 1.0  # of the logarithm of activity
_TASTES = 20
_LEANING = 0.7  # share of a user's events that follow the taste
_LIKING, _REST = 4.1, 3.2  # mean stars within the taste, and outside
_DAY = 86_400
_DRAWS = 2  # per event: many are of an item that the user has already
_SCHEMA = "user string, item string, rating float, time timestamp"


@dataclass(frozen=True)
class World:
    """What is made up.

    Args:
        users: Number of users.
        items: Number of items.
        events: Number of events, about: a user has no item twice.
        days: They are spread evenly over so many days.
        until: The day after the last.
        seed: Decides everything.
    """

    users: int
    items: int
    events: int
    days: int
    until: date
    seed: int


def make_events(spark: SparkSession, world: World) -> DataFrame:
    """The events of a world: `[user: string, item: string, rating: float, time: timestamp]`."""
    blocks = range(0, world.users, _USERS_PER_BLOCK)
    return run_tasks(spark, blocks, lambda first: _block(world, first), _SCHEMA)


def _block(world: World, first: int) -> Iterator[pa.RecordBatch]:
    """The events of a block of users."""
    rng = np.random.Generator(np.random.Philox(key=[world.seed, first]))
    n_users = min(_USERS_PER_BLOCK, world.users - first)
    # exp(spread² / 2) is the mean of the lognormal.
    activity = rng.lognormal(-(_SPREAD**2) / 2, _SPREAD, n_users) * world.events / world.users
    counts = np.clip(np.rint(activity), 1, max(1, world.items // 2)).astype(np.int64)
    user = np.repeat(np.arange(n_users), _DRAWS * counts)
    taste = rng.integers(0, _TASTES, n_users)[user]
    leaning = rng.random(len(user)) < _LEANING
    item = np.where(
        leaning,
        _draw_of_taste(rng, taste, world.items),
        _draw_by_rank(rng, len(user), world.items),
    )
    kept = _first_of_each(user, item, counts)
    user, item, taste = user[kept], item[kept], taste[kept]
    mean = np.where(item % _TASTES == taste, _LIKING, _REST)
    stars = np.clip(np.rint(2 * rng.normal(mean, 0.8)) / 2, 0.5, 5.0)
    last = int(datetime.combine(world.until, datetime.min.time(), tzinfo=UTC).timestamp())
    seconds = last - world.days * _DAY + rng.integers(0, world.days * _DAY, len(user))
    yield pa.RecordBatch.from_arrays(
        [
            _names("u", first + user, world.users),
            _names("i", item, world.items),
            pa.array(stars.astype(np.float32)),
            pa.array(seconds * 1_000_000, pa.timestamp("us", tz="UTC")),
        ],
        names=["user", "item", "rating", "time"],
    )


def _first_of_each(
    user: npt.NDArray[np.int64], item: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Which draws count: of every user as many as wanted, in order, without repeats."""
    _, fresh = np.unique(user * (item.max() + 1) + item, return_index=True)
    fresh.sort()
    owner = user[fresh]
    place = np.arange(len(fresh)) - np.searchsorted(owner, owner)
    return fresh[place < counts[owner]]


def _draw_by_rank(rng: np.random.Generator, size: int, n: int) -> npt.NDArray[np.int64]:
    """Ranks below `n`, each with a probability that falls with it to the power of `_EXPONENT`."""
    # The inverse of the integral of the density over [0, n).
    exponent = 1.0 / (1.0 - _EXPONENT)
    whole = (n + 1.0) ** (1.0 - _EXPONENT) - 1.0
    ranks = (rng.random(size) * whole + 1.0) ** exponent - 1.0
    drawn: npt.NDArray[np.int64] = np.minimum(ranks.astype(np.int64), n - 1)
    return drawn


def _draw_of_taste(
    rng: np.random.Generator, taste: npt.NDArray[np.int64], n_items: int
) -> npt.NDArray[np.int64]:
    """Items of the given tastes: item i is of taste i modulo their number."""
    drawn = _draw_by_rank(rng, len(taste), -(-n_items // _TASTES)) * _TASTES + taste
    return np.where(drawn < n_items, drawn, taste % n_items)


def _names(prefix: str, numbers: npt.NDArray[np.int64], of: int) -> pa.Array:
    width = len(str(of - 1))
    return pa.array([f"{prefix}{number:0{width}}" for number in numbers.tolist()])


def split_last_day(events: DataFrame, until: date) -> tuple[DataFrame, DataFrame]:
    """The events before the last day, and those of it."""
    last = datetime.combine(until - timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    return events.where(events.time < last), events.where(events.time >= last)
