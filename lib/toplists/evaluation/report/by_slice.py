"""What a report says of slices: the deciding metric of parts of the users, or of what was held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toplists.config.evaluate import PARTS
from toplists.evaluation.report.content import Figure, RunContent
from toplists.evaluation.report.intervals import interval_row, interval_words, series_of
from toplists.evaluation.report.parts import Group, Intervals, Section

_SHORT = 12
_PLACES = {name: place for names in PARTS.values() for place, name in enumerate(names)}
"""Where slices stand that have an order other than that of their names."""


def slices_section(content: RunContent) -> Section:
    """A plot for each way to slice, such as `activity`, of the slices `activity=low` and so on."""
    own = [
        figure
        for figure in content.figures
        if figure.slice and not figure.versus and figure.metric == content.deciding
    ]
    ways = Counter(_way(figure) for figure in own)
    plots = [
        _sliced(
            [figure for figure in own if _way(figure) == way],
            f"{content.deciding} by {way}",
            content,
        )
        for way in sorted(ways, key=lambda way: (ways[way], way))
    ]
    intro = f"{content.deciding} of parts of the users, or of the held-out items."
    beside = [plot for plot in plots if len(plot.rows) <= _SHORT]
    alone = [plot for plot in plots if len(plot.rows) > _SHORT]
    return Section("By slice", [*([Group("", beside)] if beside else []), *alone], intro)


def _way(figure: Figure) -> str:
    return figure.slice.partition("=")[0]


def _value(figure: Figure) -> str:
    return figure.slice.partition("=")[2]


def _sliced(figures: Sequence[Figure], title: str, content: RunContent) -> Intervals:
    """The contenders slice by slice; the first row of each has its name."""
    subjects = list(dict.fromkeys(figure.subject for figure in figures))
    ordered = sorted(
        figures,
        key=lambda one: (
            _PLACES.get(_value(one), len(_PLACES)),
            _value(one),
            subjects.index(one.subject),
        ),
    )
    named = [(_value(one), one) for one in ordered]
    said = [(f"{name}, {one.subject}, {one.users or 0:,} users", one) for name, one in named]
    rows = [
        interval_row(
            name if place == 0 or one.slice != ordered[place - 1].slice else "",
            one,
            series_of(one.subject, content.candidate),
        )
        for place, (name, one) in enumerate(named)
    ]
    legend = [(subject, series_of(subject, content.candidate)) for subject in subjects]
    return Intervals(title, interval_words(said), rows, legend)
