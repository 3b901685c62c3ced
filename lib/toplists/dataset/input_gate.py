"""The input gate: whether what arrived looks like what always arrives.

A feed that lost a partition, was delivered twice or changed its scale trains a model that its own
holdout cannot tell from a good one. Only feeds that come daily and are large enough are judged; a check
that cannot judge says so and passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from toplists.config.ingest import InputSettings
from toplists.dataset.arrivals import WEEKS, Arrivals, Day
from toplists.dataset.stability import stability_index

_FEWEST_WEEKS = 4
_FOUR_WEEKS = 28


@dataclass(frozen=True)
class InputCheck:
    """One check: whether it passed, and the figures in a sentence. `judged` is whether it could tell."""

    name: str
    passed: bool
    judged: bool
    sentence: str


def comes_daily(arrivals: Arrivals, settings: InputSettings) -> bool:
    """Whether the four weeks before the last day had events on most days, and enough of them."""
    days = arrivals.before(_FOUR_WEEKS)
    return (
        len(days) >= settings.daily_from
        and median(day.events for day in days) >= settings.min_daily_events
    )


def judge_input(arrivals: Arrivals, settings: InputSettings) -> tuple[InputCheck, ...]:
    """Every check of what arrived.

    Args:
        arrivals: The figures; new ids and bins are needed only where the feed `comes_daily`.
        settings: What is still usual.
    """
    if not comes_daily(arrivals, settings):
        days = arrivals.before(_FOUR_WEEKS)
        return (
            InputCheck(
                "daily",
                passed=True,
                judged=False,
                sentence=(
                    f"the input is not judged: {len(days)} of the {_FOUR_WEEKS} days before "
                    f"{arrivals.last} have events, {sum(day.events for day in days):,} together "
                    f"(judged from {settings.daily_from} days and {settings.min_daily_events:,} events "
                    "on the median day)"
                ),
            ),
        )
    present = _yesterday(arrivals)
    if not present.passed:
        return (present,)
    last = arrivals.days[arrivals.last]
    weeks = arrivals.before(_FOUR_WEEKS)
    return (
        present,
        _volume(arrivals, last, settings),
        _new("users", [(day.new_users, day.users) for day in (last, *weeks)], settings),
        _new("items", [(day.new_items, day.items) for day in (last, *weeks)], settings),
        _values(arrivals, settings),
    )


def _yesterday(arrivals: Arrivals) -> InputCheck:
    there = arrivals.days.get(arrivals.last)
    return InputCheck(
        "yesterday",
        passed=there is not None,
        judged=True,
        sentence=(
            f"{arrivals.last} has {there.events:,} events"
            if there
            else f"{arrivals.last} has no event, though events came on "
            f"{len(arrivals.before(_FOUR_WEEKS))} of the {_FOUR_WEEKS} days before it"
        ),
    )


def _volume(arrivals: Arrivals, last: Day, settings: InputSettings) -> InputCheck:
    alike = arrivals.same_weekday()
    weekday = f"{arrivals.last:%A}s"
    if len(alike) < _FEWEST_WEEKS:
        return InputCheck(
            "volume",
            passed=True,
            judged=False,
            sentence=f"volume is not judged: only {len(alike)} {weekday} of {WEEKS} have events",
        )
    usual = median(day.events for day in alike)
    ratio = last.events / usual
    return InputCheck(
        "volume",
        passed=settings.min_volume <= ratio <= settings.max_volume,
        judged=True,
        sentence=(
            f"{arrivals.last} has {last.events:,} events, {ratio:.2f} times the {usual:,.0f} of the "
            f"{len(alike)} {weekday} before (allowed {settings.min_volume:g} to "
            f"{settings.max_volume:g})"
        ),
    )


def _new(what: str, counts: Sequence[tuple[int, int]], settings: InputSettings) -> InputCheck:
    """Args: counts: `(new, all)` of the last day and then of each of those before."""
    shares = [new / everybody for new, everybody in counts]
    usual = median(shares[1:])
    return InputCheck(
        f"new_{what}",
        passed=shares[0] - usual <= settings.max_new_rise,
        judged=True,
        sentence=(
            f"{shares[0]:.1%} of the day's {what} were never seen before, usually {usual:.1%} "
            f"(allowed {settings.max_new_rise:.0%} more)"
        ),
    )


def _values(arrivals: Arrivals, settings: InputSettings) -> InputCheck:
    last, before = (
        (sum(side) for side in zip(*arrivals.bins, strict=True)) if arrivals.bins else (0, 0)
    )
    if min(last, before) < settings.min_daily_events:
        return InputCheck(
            "values",
            passed=True,
            judged=False,
            sentence=f"the distribution of values is not judged: {last:,} values on the last day",
        )
    index = stability_index(arrivals.bins)
    return InputCheck(
        "values",
        passed=index <= settings.max_value_drift,
        judged=True,
        sentence=(
            f"the day's values differ from those of the four weeks before by {index:.3f} "
            f"(population stability index, allowed {settings.max_value_drift:g})"
        ),
    )
