"""Made-up feedback of a realistic shape and any size, for benchmarks and trials.

Activity is lognormal, popularity falls with the rank of an item to the power of 0.9, and every user
follows a few of many tastes, some of which are common and most rare: there is much to learn, and
the more the more dimensions a model has. Stars depend on the taste, on the user and on the item. The
same seed gives the same events, however many tasks make them.
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
_TASTES, _ITEMS_PER_TASTE = 120, 40  # at most so many, each of at least so many items
_TASTE_EXPONENT = 0.5  # how steeply the number of followers falls from taste to taste
_FOLLOWED = 3  # tastes of a user
_LEANING = 0.8  # share of a user's events that follow a taste
_LIKING, _REST = 4.1, 3.2  # mean stars within the tastes, and outside
_LENIENCY, _QUALITY, _NOISE = 0.35, 0.35, 0.7  # spread of stars by user, by item, and of the rest
_QUALITY_KEY = 2**63  # beside the keys of blocks
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
    n_tastes = max(1, min(_TASTES, world.items // _ITEMS_PER_TASTE))
    tastes = _draw_by_rank(rng, n_users * _FOLLOWED, n_tastes, _TASTE_EXPONENT)
    tastes = tastes.reshape(n_users, _FOLLOWED)
    followed = tastes[user, rng.integers(0, _FOLLOWED, len(user))]
    leaning = rng.random(len(user)) < _LEANING
    item = np.where(
        leaning,
        _draw_of_taste(rng, followed, n_tastes, world.items),
        _draw_by_rank(rng, len(user), world.items, _EXPONENT),
    )
    kept = _first_of_each(user, item, counts)
    user, item = user[kept], item[kept]
    liking = (tastes[user] == (item % n_tastes)[:, np.newaxis]).any(axis=1)
    mean = np.where(liking, _LIKING, _REST)
    mean += rng.normal(0, _LENIENCY, n_users)[user] + _qualities(world)[item]
    stars = np.clip(np.rint(2 * rng.normal(mean, _NOISE)) / 2, 0.5, 5.0)
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


def _qualities(world: World) -> npt.NDArray[np.float64]:
    """What every item's stars are above or below the mean: the same in all blocks."""
    rng = np.random.Generator(np.random.Philox(key=[world.seed, _QUALITY_KEY]))
    return rng.normal(0, _QUALITY, world.items)


def _draw_by_rank(
    rng: np.random.Generator, size: int, n: int, exponent: float
) -> npt.NDArray[np.int64]:
    """Ranks below `n`, each with a probability that falls with it to the power of `exponent`."""
    # The inverse of the integral of the density over [0, n).
    whole = (n + 1.0) ** (1.0 - exponent) - 1.0
    ranks = (rng.random(size) * whole + 1.0) ** (1.0 / (1.0 - exponent)) - 1.0
    drawn: npt.NDArray[np.int64] = np.minimum(ranks.astype(np.int64), n - 1)
    return drawn


def _draw_of_taste(
    rng: np.random.Generator, taste: npt.NDArray[np.int64], n_tastes: int, n_items: int
) -> npt.NDArray[np.int64]:
    """Items of the given tastes: item i is of taste i modulo their number."""
    drawn = _draw_by_rank(rng, len(taste), -(-n_items // n_tastes), _EXPONENT) * n_tastes + taste
    return np.where(drawn < n_items, drawn, taste % n_items)


def _names(prefix: str, numbers: npt.NDArray[np.int64], of: int) -> pa.Array:
    width = len(str(of - 1))
    return pa.array([f"{prefix}{number:0{width}}" for number in numbers.tolist()])


def split_last_day(events: DataFrame, until: date) -> tuple[DataFrame, DataFrame]:
    """The events before the last day, and those of it."""
    last = datetime.combine(until - timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    return events.where(events.time < last), events.where(events.time >= last)
