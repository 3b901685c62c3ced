"""What of a model can be tuned, within which limits, and which settings to try.

Settings to try are a function of the space, a number and a seed, the same in every process: what was tried
before is found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import log10, prod
from typing import Literal, Protocol, TypeAlias

import numpy as np

Value: TypeAlias = int | float | str
Given: TypeAlias = Mapping[str, Value]
"""Settings of a model's own, by name."""

Method: TypeAlias = Literal["grid", "random", "halving"]

_DIGITS = 3
"""Of numbers that are tried: more make no difference, and are hard to read."""

_DRAWS_EACH = 50
"""How often another draw is made where settings come up again, before the space counts as used up."""


class Dimension(Protocol):
    """The values of one setting."""

    @property
    def most(self) -> int | None:
        """How many values there are; `None` = as many as one likes."""
        ...

    def at(self, share: float) -> Value:
        """The value that a share from 0 to 1 of the way from the first to the last comes to."""
        ...


@dataclass(frozen=True)
class Choices:
    """Some values, in order."""

    values: tuple[Value, ...]

    @property
    def most(self) -> int:
        """All of them."""
        return len(self.values)

    def at(self, share: float) -> Value:
        """Each value has an equal part of the way."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, whole if both are; all are equally likely."""

    low: float
    high: float
    most: None = None

    def at(self, share: float) -> Value:
        """In steps of equal size."""
        return _between(self, self.low + share * (self.high - self.low))


@dataclass(frozen=True)
class LogRange:
    """The same where factors count and not differences; `low` is above 0."""

    low: float
    high: float
    most: None = None

    def at(self, share: float) -> Value:
        """In steps by equal factors."""
        return _between(self, self.low * (self.high / self.low) ** share)


def _between(limits: Range | LogRange, number: float) -> Value:
    """The number with few digits, and within the limits all the same."""
    if isinstance(limits.low, int) and isinstance(limits.high, int):
        return min(max(round(number), limits.low), limits.high)
    digits = _DIGITS - 1 - int(np.floor(log10(abs(number)))) if number else _DIGITS
    return float(min(max(round(number, digits), limits.low), limits.high))


@dataclass(frozen=True)
class Warmth:
    """How a fit is made longer: the setting that says how long it is, and that of one which goes on.

    `iterations` is for a fit from nothing, `more` for one that starts from another.
    """

    iterations: str
    more: str


@dataclass(frozen=True)
class Space:
    """What of a model can be tuned: its settings, the most important first, each with its values.

    `warmth` is there where a fit can go on from another, so that few iterations may decide which settings
    are worth more.
    """

    dimensions: Mapping[str, Dimension]
    warmth: Warmth | None = None

    def grid(self, most: int) -> list[Given]:
        """All combinations of some values of each setting, as many values as make at most so many."""
        names, levels = [*self.dimensions], [1] * len(self.dimensions)
        grown = True
        while grown:
            grown = False
            for place, name in enumerate(names):
                limit = self.dimensions[name].most
                more = [*levels[:place], levels[place] + 1, *levels[place + 1 :]]
                if prod(more) <= most and (limit is None or more[place] <= limit):
                    levels, grown = more, True
        axes = [
            dict.fromkeys(self.dimensions[name].at(share) for share in _spread(count))
            for name, count in zip(names, levels, strict=True)
        ]
        return [dict(zip(names, values, strict=True)) for values in product(*axes)]

    def random(self, number: int, seed: int) -> list[Given]:
        """Settings at random, none twice, and the first of more are those of fewer; fewer if there are no more.

        On as many trials they find better settings than a grid, since each tries another value of the
        settings that matter (Bergstra and Bengio, "Random search for hyper-parameter optimization",
        JMLR 13, 2012).
        """
        found: dict[tuple[Value, ...], Given] = {}
        for given in self._draws(number * _DRAWS_EACH, seed):
            found.setdefault(tuple(given.values()), given)
            if len(found) == number:
                break
        return [*found.values()]

    def _draws(self, number: int, seed: int) -> Iterator[Given]:
        generator = np.random.default_rng(seed)
        for _ in range(number):
            shares = generator.random(len(self.dimensions))
            yield {
                name: dimension.at(float(share))
                for (name, dimension), share in zip(self.dimensions.items(), shares, strict=True)
            }


def _spread(count: int) -> list[float]:
    """Shares at equal distances, both ends among them; one is in the middle."""
    return [0.5] if count == 1 else [float(share) for share in np.linspace(0.0, 1.0, count)]


@dataclass(frozen=True)
class Rung:
    """A round of successive halving: how many settings are in it, and after how many iterations it ends."""

    entries: int
    iterations: int


def halve(entries: int, iterations: int) -> list[Rung]:
    """Successive halving: each rung keeps the better half and has twice the iterations, up to all of them.

    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
    AISTATS 2016, algorithm 1, from the end: what is left has all iterations, not a share of a budget.

    Args:
        entries: Settings to begin with, at least 1.
        iterations: Of the last rung, at least 1.
    """
    halvings = min(entries.bit_length(), iterations.bit_length()) - 1
    return [
        Rung(-(-entries // 2**done), iterations // 2 ** (halvings - done))
        for done in range(halvings + 1)
    ]
