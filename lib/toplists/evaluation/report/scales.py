"""Axes of plots: round numbers that cover what is shown, and where a value lies between them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is drawn, what it says, and which part of that stands there."""

    at: float
    label: str
    anchor: Literal["start", "middle", "end"] = "middle"


@dataclass(frozen=True)
class Scale:
    """The line from `low` to `high` in the units of the data, drawn from `start` to `end`.

    There is a mark at every multiple of `step`.
    """

    low: float
    high: float
    step: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value is drawn, to a tenth of a unit."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """The marks."""
        places = _places(self.step)
        first, last = (
            math.ceil(self.low / self.step - 1e-9),
            math.floor(self.high / self.step + 1e-9),
        )
        return tuple(
            Tick(self.at(number * self.step), f"{number * self.step + 0.0:,.{places}f}")
            for number in range(first, last + 1)
        )


def _places(step: float) -> int:
    """Decimals that tell multiples of a round step apart."""
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    whole = step * 10.0**places
    return places if math.isclose(whole, round(whole)) else places + 1


def round_step(span: float, count: int) -> float:
    """The round step, 1, 2, 2.5 or 5 times a power of ten, that cuts `span` into at most `count`."""
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - 1e-9))


def cover(
    values: Iterable[float], start: float, end: float, *, count: int = 4, zero: bool = False
) -> Scale:
    """A scale from a round value below all to one above all.

    Args:
        values: What has to lie on it.
        start: Where the low end is drawn.
        end: Where the high end is drawn.
        count: About how many marks there will be.
        zero: Whether 0 lies on it in any case.
    """
    known = [value for value in values if math.isfinite(value)]
    if zero or not known:
        known.append(0.0)
    low, high = min(known), max(known)
    if low == high:
        low, high = (low, low + 1.0) if low == 0.0 else sorted((0.0, low))
    step = round_step(high - low, count)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step, step, start, end)
