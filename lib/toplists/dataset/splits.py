"""Which protocol a night is evaluated by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.prepare import SplitSettings
from toplists.config.protocol_names import Protocol
from toplists.config.protocol_ways import WHOLE, Days, Hashed, Last, Way
from toplists.dataset.loader import known_before
from toplists.dataset.partings import happened_since
from toplists.errors import InputRefusedError


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
    recent = happened_since(known_before(as_of - timedelta(days=settings.holdout_days)))
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


def choose_protocol(seen: Survey, settings: SplitSettings) -> Protocol:
    """The protocol that the settings name, or under `auto` the first that serves.

    `auto` takes the last days if that leaves at least `min_warm_users` users to judge on, else the
    last per user, else, without times, a hash. A night judges users of whom it knows something.

    Raises:
        InputRefusedError: a method by time was asked for, and no interaction has one.
    """
    way = _choose_way(seen, settings)
    if way.needs_times and not seen.timed:
        raise InputRefusedError(
            f"prepare.split.method={settings.method} needs times, and no event has one. "
            "Use prepare.split.method=hash, or auto."
        )
    return Protocol(way, known_users=True)


def _choose_way(seen: Survey, settings: SplitSettings) -> Way:
    enough = seen.warm_users >= settings.min_warm_users
    match settings.method:
        case "days":
            return Days("days", 1, settings.holdout_days)
        case "last":
            return Last(settings.holdout_last)
        case "auto" if seen.timed and enough:
            return Days("days", 1, settings.holdout_days)
        case "auto" if seen.timed:
            return Last(settings.holdout_last)
        case _:
            return Hashed(round(settings.holdout_share * WHOLE))
