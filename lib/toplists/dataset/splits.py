"""Splits: which interactions the evaluation fit may learn from, and which it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.settings import SplitSettings
from toplists.dataset.feedback import newest_first
from toplists.dataset.loader import known_before
from toplists.errors import InputRefusedError

_HASH_BUCKETS = 10_000


@dataclass(frozen=True)
class Split:
    """A way to split, decided: its name as shown and stored, and who is held out."""

    protocol: str
    holdout: Column


def by_days(as_of: date, days: int) -> Split:
    """Hold out what happened in the last `days` days before `as_of`; what has no time is trained on."""
    cut = known_before(as_of - timedelta(days=days))
    recent = F.col("event_time") >= F.lit(cut)
    return Split(f"last {days} days", F.coalesce(recent, F.lit(False)))


def by_last(k: int) -> Split:
    """Hold out each user's newest `k` interactions, but never more than half of them."""
    owned = F.count(F.lit(1)).over(W.partitionBy("user_id"))
    return Split(
        f"last {k} per user", newest_first("user_id") <= F.least(F.lit(k), F.floor(owned / 2))
    )


def by_hash(share: float) -> Split:
    """Hold out a share of the interactions by a hash of the pair."""
    bucket = F.pmod(F.xxhash64("user_id", "item_id"), F.lit(_HASH_BUCKETS))
    return Split(f"{share:.0%} by hash", bucket < round(share * _HASH_BUCKETS))


def choose_split(opinions: DataFrame, settings: SplitSettings, as_of: date) -> Split:
    """The split that the settings name, or under `auto` the first that serves.

    `auto` takes the last days if that leaves at least `min_warm_users` users to judge on (a liking
    before the cut and one after it), else the last per user, else, without times, a hash.

    Args:
        opinions: `[user_id, item_id, event_time, event_id, weight: float]`.
        settings: Which method, and its parameters.
        as_of: End of what is known.

    Raises:
        InputRefusedError: a method by time was asked for, and no interaction has one.
    """
    days = by_days(as_of, settings.holdout_days)
    if settings.method == "hash":
        return by_hash(settings.holdout_share)
    timed, warm = _warm_users(opinions, days)
    if settings.method != "auto" and not timed:
        raise InputRefusedError(
            f"prepare.split.method={settings.method} needs times, and no event has one. "
            "Use prepare.split.method=hash, or auto."
        )
    if not timed:
        return by_hash(settings.holdout_share)
    if settings.method == "days" or (settings.method == "auto" and warm >= settings.min_warm_users):
        return days
    return by_last(settings.holdout_last)


def _warm_users(opinions: DataFrame, split: Split) -> tuple[bool, int]:
    """Whether any interaction has a time, and how many users `split` leaves to judge on."""
    liked = F.col("weight") > 0
    per_user = opinions.groupBy("user_id").agg(
        F.max(F.col("event_time").isNotNull()).alias("timed"),
        F.max(liked & split.holdout).alias("tested"),
        F.max(liked & ~split.holdout).alias("trained"),
    )
    row = per_user.agg(F.max("timed"), F.count_if(F.col("tested") & F.col("trained"))).first()
    return (bool(row[0]), int(row[1])) if row else (False, 0)
