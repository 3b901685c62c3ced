"""Splits: which interactions the evaluation fit may learn from, and which it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.prepare import SplitSettings
from toplists.dataset.feedback import newest_first
from toplists.dataset.loader import known_before
from toplists.errors import InputRefusedError

_HASH_BUCKETS = 10_000


@dataclass(frozen=True)
class Split:
    """A way to split, decided.

    `protocol` is its name as shown and stored, `holdout` who is held out, `cut` the instant at which
    the training part ends for everybody, `None` where there is no such instant.
    """

    protocol: str
    holdout: Column
    cut: datetime | None = None


def by_days(as_of: date, days: int) -> Split:
    """Hold out what happened in the last `days` days before `as_of`; what has no time is trained on."""
    cut = known_before(as_of - timedelta(days=days))
    recent = F.col("event_time") >= F.lit(cut)
    return Split(f"last {days} days", F.coalesce(recent, F.lit(False)), cut)


def by_last(k: int) -> Split:
    """Hold out each user's newest `k` interactions, but never more than half of them."""
    mine = W.partitionBy("user_id")
    owned, rank = F.count(F.lit(1)).over(mine), F.row_number().over(mine.orderBy(*newest_first()))
    return Split(f"last {k} per user", rank <= F.least(F.lit(k), F.floor(owned / 2)))


def by_hash(share: float) -> Split:
    """Hold out a share of the interactions by a hash of the pair."""
    bucket = F.pmod(F.xxhash64("user_id", "item_id"), F.lit(_HASH_BUCKETS))
    return Split(f"{share:.0%} by hash", bucket < round(share * _HASH_BUCKETS))


@dataclass(frozen=True)
class Survey:
    """What a split is chosen by.

    `timed` says whether any interaction has a time, `warm_users` how many users the last
    `holdout_days` would leave to judge on: a liking before the cut and one after it.
    """

    interactions: int
    users: int
    timed: bool
    warm_users: int


def survey(opinions: DataFrame, settings: SplitSettings, as_of: date) -> Survey:
    """Look at all opinions once.

    Args:
        opinions: `[user_id, event_time, weight: float, …]`, a user's interactions with an item each.
        settings: How many days would be held out.
        as_of: End of what is known.
    """
    recent = by_days(as_of, settings.holdout_days).holdout
    liked = F.col("weight") > 0
    per_user = opinions.groupBy("user_id").agg(
        F.count(F.lit(1)).alias("interactions"),
        F.max(F.col("event_time").isNotNull()).alias("timed"),
        (F.max(liked & recent) & F.max(liked & ~recent)).alias("warm"),
    )
    row = per_user.agg(
        F.coalesce(F.sum("interactions"), F.lit(0)),
        F.count(F.lit(1)),
        F.coalesce(F.max("timed"), F.lit(False)),
        F.count_if("warm"),
    ).first()
    if row is None:
        raise RuntimeError("an aggregate without groups returned no row")
    return Survey(*row)


def choose_split(seen: Survey, settings: SplitSettings, as_of: date) -> Split:
    """The split that the settings name, or under `auto` the first that serves.

    `auto` takes the last days if that leaves at least `min_warm_users` users to judge on, else the
    last per user, else, without times, a hash.

    Raises:
        InputRefusedError: a method by time was asked for, and no interaction has one.
    """
    if settings.method == "hash":
        return by_hash(settings.holdout_share)
    if settings.method != "auto" and not seen.timed:
        raise InputRefusedError(
            f"prepare.split.method={settings.method} needs times, and no event has one. "
            "Use prepare.split.method=hash, or auto."
        )
    if not seen.timed:
        return by_hash(settings.holdout_share)
    enough = seen.warm_users >= settings.min_warm_users
    if settings.method == "days" or (settings.method == "auto" and enough):
        return by_days(as_of, settings.holdout_days)
    return by_last(settings.holdout_last)
