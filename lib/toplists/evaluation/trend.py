"""How models stood beside popularity, night by night: a loss too slow for any one night to show.

Figures of two nights are of other users and other events, so that they cannot be compared by themselves.
What a model makes of them beside popularity, which is fitted to and judged on the same, can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from statistics import median

from toplists.evaluation.comparison import POPULARITY, Figure


@dataclass(frozen=True)
class Standing:
    """A model's figure as a multiple of popularity's, and the upper end of its interval."""

    ratio: float
    high: float


@dataclass(frozen=True)
class Trend:
    """The last nights against those before: what was usual, and which of them were clearly below."""

    usual: float
    ratios: tuple[float, ...]
    degraded: tuple[bool, ...]


def standing(figures: Sequence[Figure], metric: str, slice_: str = "") -> Standing | None:
    """How the model of a night stood; `None` where it was not compared, or popularity had nothing.

    Args:
        figures: What was measured that night.
        metric: Name of the metric.
        slice_: Slice of the users; empty for everybody.
    """
    found = {
        (figure.subject == POPULARITY, figure.versus): figure
        for figure in figures
        if figure.metric == metric and figure.slice == slice_
    }
    own, difference = found.get((True, "")), found.get((False, POPULARITY))
    if own is None or difference is None or own.value <= 0.0 or isnan(difference.high):
        return None
    return Standing(
        (own.value + difference.value) / own.value, (own.value + difference.high) / own.value
    )


def follow(standings: Sequence[Standing], nights: int, max_loss: float) -> Trend | None:
    """Compare the last `nights` nights with the `nights` before them.

    A night is degraded if the whole interval of its standing lies below the median standing of the
    earlier nights, less the loss that is allowed.

    Args:
        standings: One of each night, oldest first.
        nights: How many are compared with how many.
        max_loss: Share of what was usual that may be lost.

    Returns:
        The comparison; `None` where there are not twice as many nights.
    """
    if len(standings) < 2 * nights:
        return None
    usual = median(night.ratio for night in standings[-2 * nights : -nights])
    last = standings[-nights:]
    return Trend(
        usual,
        tuple(night.ratio for night in last),
        tuple(night.high < (1.0 - max_loss) * usual for night in last),
    )
