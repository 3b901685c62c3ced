"""Figures as lines of a plot of intervals."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.evaluation.report.content import Figure
from toplists.evaluation.report.parts import Interval, Series
from toplists.evaluation.report.words import interval_text, number_text


def interval_row(label: str, figure: Figure, series: Series) -> Interval:
    """A line of a plot; a figure without an interval is a dot."""
    low, high = figure.interval or (figure.value, figure.value)
    return Interval(label, figure.value, low, high, series)


def interval_words(figures: Sequence[tuple[str, Figure]]) -> str:
    """What a plot of intervals shows, for those who do not see it."""
    return "; ".join(
        f"{label} {number_text(figure.value)}"
        + (f" ({interval_text(figure)})" if figure.interval else "")
        for label, figure in figures
    )


def series_of(subject: str, candidate: str) -> Series:
    """Whose figures those of a contender are."""
    if subject == candidate:
        return "candidate"
    return "popularity" if subject == POPULARITY else "live" if subject == LIVE else "other"
