"""What one event says of a liking: the weight of its type, less with age.

Weights are whole numbers of 2^-30, so that adding them up gives the same sum in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from toplists.dataset.returns import RETURN

RATING = "rating"
"""The type of event whose value is an opinion; also what events without a type are."""

UNITS = 2**30
"""Units in a weight of 1. What is left of a weight of 1 after 31 half-lives is none."""

_MICROSECONDS_PER_DAY = 86_400_000_000


def type_weight(weights: Mapping[str, float], other: float) -> Column:
    """The weight of an event by its `event_type`: `weights`, or `other` where it names none.

    A return has none: it takes its purchase's.
    """
    kind = F.col("event_type")
    known = sorted({**weights, RETURN: 0.0}.items())
    return reduce(
        lambda rest, named: F.when(kind == named[0], named[1]).otherwise(rest), known, F.lit(other)
    )


def decay(as_of: datetime, half_life_days: float | None) -> Column:
    """The share of an event's weight that is left at `as_of`: `2^(-age / half_life_days)`.

    The age is `as_of - event_time` in days with fractions; an event without a time keeps all. Ding
    and Li, "Time weight collaborative filtering", CIKM 2005, with the half-life for their T0.
    """
    if half_life_days is None:
        return F.lit(1.0)
    age = F.unix_micros(F.lit(as_of)) - F.unix_micros("event_time")
    left = F.pow(F.lit(2.0), -age / F.lit(_MICROSECONDS_PER_DAY * half_life_days))
    return F.coalesce(left, F.lit(1.0))


def in_units(weight: Column) -> Column:
    """A weight as a whole number of units: long."""
    return F.rint(weight * F.lit(float(UNITS))).cast("long")
