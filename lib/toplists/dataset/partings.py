"""How interactions are parted, as columns: `train`, `holdout`, or null for what is in neither.

What is random depends on seeds and external ids only, so that a row's part is the same for every order
and partitioning of the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from pyspark.sql import Column, WindowSpec
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.protocol_ways import (
    WHOLE,
    ColdItems,
    ColdUsers,
    Days,
    Hashed,
    KFold,
    KFoldUsers,
    Last,
    LeaveOneOut,
    Random,
    RandomPerUser,
    Ratios,
)

TRAIN, HOLDOUT, VALIDATION = "train", "holdout", "validation"

InTwo: TypeAlias = (
    Last | LeaveOneOut | Hashed | Random | RandomPerUser | ColdUsers | ColdItems | Ratios
)
"""The ways with one fold that look neither at windows of time nor at files."""

ByItself: TypeAlias = InTwo | KFold | KFoldUsers
"""Those with several, too."""


@dataclass(frozen=True)
class Parting:
    """The part of every row in one fold.

    `label` tells the fold from others; nothing in the training part has happened at `cut` or later, if
    there is such an instant.
    """

    label: str
    part: Column
    cut: datetime | None = None


def happened_since(moment: datetime) -> Column:
    """Whether an interaction has a time, and it is not before a moment."""
    return F.coalesce(F.col("event_time") >= F.lit(moment), F.lit(False))


def windows(way: Days, end: datetime) -> Iterator[Parting]:
    """One parting for each window of time, the earliest first; what has no time is learnt from."""
    for number in range(way.folds, 0, -1):
        begin = end - timedelta(days=way.days * number)
        cut = begin - timedelta(days=way.gap)
        held_out = happened_since(begin) & ~happened_since(begin + timedelta(days=way.days))
        part = F.when(held_out, HOLDOUT).when(~happened_since(cut), TRAIN)
        yield Parting(f"{begin:%Y-%m-%d}", part, cut)


def partings(way: ByItself, columns: Collection[str], depth: int) -> Iterator[Parting]:
    """The partings of the other ways, by number.

    Args:
        way: How to part.
        columns: The columns that the rows have.
        depth: How many folds the rows lie inside of. What is drawn there is drawn anew: by the same
            draws, the training part of `random(20%)` would have nothing to hold out.
    """
    match way:
        case KFold(folds, seed) | KFoldUsers(folds, seed):
            of = ("user_id", "item_id") if isinstance(way, KFold) else ("user_id",)
            fold = F.pmod(_drawn(way, seed, depth, *of), F.lit(folds))
            for number in range(folds):
                yield Parting(str(number + 1), _held_out(fold == number))
        case _:
            yield Parting("1", _part(way, columns, depth))


def _part(way: InTwo, columns: Collection[str], depth: int) -> Column:
    """The part of every row in the only fold."""
    match way:
        case Last(count):
            place = F.row_number().over(_newest_first(columns))
            return _held_out(place <= F.least(F.lit(count), F.floor(_owned() / 2)))
        case LeaveOneOut():
            return _newest_liking(columns)
        case Hashed(share):
            # As nights have always done it.
            of = F.xxhash64("user_id", "item_id")
            return _held_out(_bucket(_drawn(way, 0, depth) if depth else of) < share)
        case Random(share, seed):
            return _held_out(_bucket(_drawn(way, seed, depth)) < share)
        case RandomPerUser(share, seed):
            return _random_per_user(way, share, seed, depth)
        case ColdUsers(share, seed):
            return _held_out(_bucket(_drawn(way, seed, depth, "user_id")) < share)
        case ColdItems(share, seed):
            return _held_out(_bucket(_drawn(way, seed, depth, "item_id")) < share)
        case Ratios(train, validation, _, seed):
            bucket = _bucket(_drawn(way, seed, depth))
            rest = F.when(bucket < train + validation, VALIDATION).otherwise(HOLDOUT)
            return F.when(bucket < train, TRAIN).otherwise(rest)


def _held_out(chosen: Column) -> Column:
    return F.when(chosen, HOLDOUT).otherwise(TRAIN)


def _drawn(way: ByItself, seed: int, depth: int, *of: str) -> Column:
    """A 64-bit draw for every pair, or for what `of` names instead."""
    label = f"{type(way).__name__}/{seed}/{depth}"
    return F.xxhash64(F.lit(label), *(of or ("user_id", "item_id")))


def _bucket(drawn: Column) -> Column:
    return F.pmod(drawn, F.lit(WHOLE))


def _owned() -> Column:
    """How many interactions the row's user has."""
    return F.count(F.lit(1)).over(W.partitionBy("user_id"))


def _newest_first(columns: Collection[str]) -> WindowSpec:
    """A user's interactions, newest first; ties by event id, then item id."""
    ids = [F.col("event_id").desc()] if "event_id" in columns else []
    order = [F.col("event_time").desc_nulls_last(), *ids, F.col("item_id")]
    return W.partitionBy("user_id").orderBy(*order)


def _newest_liking(columns: Collection[str]) -> Column:
    """Holds out the newest liking of who has two; what that user did after it lies in its future."""
    liked = F.col("weight") > 0
    so_far = _newest_first(columns).rowsBetween(W.unboundedPreceding, W.currentRow)
    number = F.count_if(liked).over(so_far)
    enough = F.count_if(liked).over(W.partitionBy("user_id")) >= 2
    return (
        F.when(enough & liked & (number == 1), HOLDOUT)
        .when(enough & (number == 0), F.lit(None))
        .otherwise(TRAIN)
    )


def _random_per_user(way: RandomPerUser, share: int, seed: int, depth: int) -> Column:
    """Holds out the rounded share of each user's interactions, but leaves one."""
    drawn = W.partitionBy("user_id").orderBy(_drawn(way, seed, depth), "item_id")
    owned = _owned()
    rounded = F.floor((owned * share + WHOLE // 2) / WHOLE)
    return _held_out(F.row_number().over(drawn) <= F.least(rounded, owned - 1))
