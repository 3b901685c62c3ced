"""What a report says of the figures of a run: candidate, popularity and live, and earlier nights."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.comparison import LIVE, POPULARITY
from toplists.evaluation.report.content import Figure, Night, RunContent
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Group,
    Interval,
    Intervals,
    Line,
    Lines,
    Part,
    Point,
    Row,
    Scatter,
    Section,
    Series,
    Spot,
    Table,
)
from toplists.evaluation.report.words import (
    NOTHING,
    difference_words,
    interval_text,
    number_text,
    signed_text,
)

_MOST_PLOTS = 12
_VARIETY = ("coverage", "novelty")


def measured_sections(content: RunContent) -> list[Section]:
    """How good the lists are."""
    own = [figure for figure in content.figures if not (figure.versus or figure.slice)]
    if not own:
        return []
    users = max(figure.users or 0 for figure in own)
    intro = (
        f"Measured on {users:,} users with held-out interactions ({content.protocol}), for which all "
        f"contenders learnt from the same part. Intervals cover {content.confidence * 100:g} %. "
        f"{content.deciding} decides."
    )
    return [
        Section("How good it is", [_table(content, own), *_plots(content, own)], intro),
        Section(
            "By slice",
            _slices(content),
            f"{content.deciding} of parts of the users, or of the held-out items.",
        ),
        Section(
            "Accuracy beside variety",
            _variety(content, own),
            f"What {content.deciding} costs in variety, or gains.",
        ),
    ]


def _order(metrics: Sequence[str], deciding: str) -> list[str]:
    """The deciding metric first, the others as they come."""
    return sorted(dict.fromkeys(metrics), key=lambda metric: metric != deciding)


def _table(content: RunContent, own: Sequence[Figure]) -> Table:
    by_name = {(figure.subject, figure.metric): figure for figure in own}
    versus = {(figure.versus, figure.metric): figure for figure in content.figures if figure.versus}
    others = [
        other
        for other in dict.fromkeys(figure.subject for figure in own)
        if other != content.candidate
    ]
    metrics = _order([f.metric for f in own if f.subject == content.candidate], content.deciding)
    rows = [
        Row(
            [
                Cell(metric, small="decides" if metric == content.deciding else ""),
                _figure_cell(by_name.get((content.candidate, metric))),
                *(
                    cell
                    for other in others
                    for cell in (
                        _figure_cell(by_name.get((other, metric))),
                        _difference_cell(versus.get((other, metric))),
                    )
                ),
            ]
        )
        for metric in metrics
    ]
    columns = [Column("metric"), Column(content.candidate, numeric=True)]
    for other in others:
        columns += [Column(other, numeric=True), Column(f"against {other}")]
    return Table(
        "Every metric with its interval, and the difference to each contender", columns, rows
    )


def _figure_cell(figure: Figure | None) -> Cell:
    if figure is None:
        return Cell(NOTHING)
    return Cell(number_text(figure.value), small=interval_text(figure))


def _difference_cell(difference: Figure | None) -> Cell:
    if difference is None:
        return Cell(NOTHING)
    words, tone = difference_words(difference)
    interval = interval_text(difference, signed=True)
    about = f"{signed_text(difference.value)} ({interval})" if interval else ""
    return Cell(words, small=about, tone=tone)


def _plots(content: RunContent, own: Sequence[Figure]) -> list[Part]:
    metrics = _order([figure.metric for figure in own], content.deciding)[:_MOST_PLOTS]
    plots = []
    for metric in metrics:
        figures = [figure for figure in own if figure.metric == metric]
        plots.append(
            Intervals(
                title=metric,
                description=interval_words([(figure.subject, figure) for figure in figures]),
                rows=[
                    interval_row(figure.subject, figure, _series(figure.subject, content.candidate))
                    for figure in figures
                ],
            )
        )
    return [Group("", plots)] if plots else []


def _slices(content: RunContent) -> list[Part]:
    """A plot for each way to slice, such as `activity`, of the slices `activity=low` and so on."""
    own = [
        figure
        for figure in content.figures
        if figure.slice and not figure.versus and figure.metric == content.deciding
    ]
    ways = dict.fromkeys(_way(figure) for figure in own)
    plots = [
        _sliced(
            [figure for figure in own if _way(figure) == way],
            f"{content.deciding} by {way}",
            content,
        )
        for way in ways
    ]
    return [Group("", plots)] if plots else []


def _way(figure: Figure) -> str:
    return figure.slice.partition("=")[0]


def _sliced(figures: Sequence[Figure], title: str, content: RunContent) -> Intervals:
    """The contenders slice by slice; the first row of each has its name."""
    subjects = list(dict.fromkeys(figure.subject for figure in figures))
    slices = list(dict.fromkeys(figure.slice for figure in figures))
    ordered = sorted(
        figures, key=lambda one: (slices.index(one.slice), subjects.index(one.subject))
    )
    named = [(one.slice.partition("=")[2], one) for one in ordered]
    said = [(f"{name}, {one.subject}, {one.users or 0:,} users", one) for name, one in named]
    rows = [
        interval_row(
            name if place == 0 or one.slice != ordered[place - 1].slice else "",
            one,
            _series(one.subject, content.candidate),
        )
        for place, (name, one) in enumerate(named)
    ]
    legend = [(subject, _series(subject, content.candidate)) for subject in subjects]
    return Intervals(title, interval_words(said), rows, legend)


def _variety(content: RunContent, own: Sequence[Figure]) -> list[Part]:
    """The deciding metric over coverage and novelty, a spot for each contender."""
    accuracy = {figure.subject: figure.value for figure in own if figure.metric == content.deciding}
    plots = []
    for metric in dict.fromkeys(figure.metric for figure in own):
        if metric.partition("@")[0] not in _VARIETY:
            continue
        spots = [
            Spot(
                figure.subject,
                figure.value,
                accuracy[figure.subject],
                _series(figure.subject, content.candidate),
            )
            for figure in own
            if figure.metric == metric and figure.subject in accuracy
        ]
        plots.append(
            Scatter(
                title=f"{content.deciding} and {metric}",
                description="; ".join(
                    f"{spot.label}: {number_text(spot.y)} at {number_text(spot.x)}"
                    for spot in spots
                ),
                x_label=metric,
                y_label=content.deciding,
                spots=spots,
            )
        )
    return [Group("", plots)] if plots else []


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


def _series(subject: str, candidate: str) -> Series:
    if subject == candidate:
        return "candidate"
    return "popularity" if subject == POPULARITY else "live" if subject == LIVE else "other"


def nights_section(content: RunContent) -> Section:
    """The deciding metric by night."""
    nights = content.nights
    if len(nights) < 2:
        return Section("By night", [])
    lines = [Line("lists of the night", _points([(night, night.own) for night in nights]))]
    popular = [(night, night.popularity) for night in nights]
    if any(figure is not None for _, figure in popular):
        lines.append(Line("popularity", _points(popular), series="popularity"))
    refused = sum(night.passed is False for night in nights)
    before = nights[-2]
    change = nights[-1].own.value - before.own.value
    plot = Lines(
        title=f"{content.deciding} by night",
        description=f"The last {len(nights)} runs"
        + (f", {refused:,} of them refused (hollow). " if refused else ". ")
        + f"Since run {before.run_id}: {signed_text(change)}.",
        x_label="run, by the day it knows up to",
        y_label=content.deciding,
        lines=lines,
        x_names=[night.run_id[:10] for night in nights],
    )
    return Section(
        "By night",
        [plot],
        "Each run is measured on a holdout of its own, so nights differ by chance, too.",
    )


def _points(nights: Sequence[tuple[Night, Figure | None]]) -> list[Point]:
    return [
        Point(float(place), figure.value, figure.low, figure.high, hollow=night.passed is False)
        for place, (night, figure) in enumerate(nights)
        if figure is not None
    ]
