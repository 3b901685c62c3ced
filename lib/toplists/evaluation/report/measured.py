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
    Section,
    Series,
    Table,
)
from toplists.evaluation.report.words import (
    NOTHING,
    difference_words,
    interval_text,
    number_text,
    share_text,
    signed_text,
)

_MOST_PLOTS = 12


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
    return [Section("How good it is", [_table(content, own), *_plots(content, own)], intro)]


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
        columns += [Column(other, numeric=True), Column(f"difference to {other}")]
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
                description=_interval_words(figures),
                rows=[
                    interval_row(figure.subject, figure, _series(figure.subject, content.candidate))
                    for figure in figures
                ],
            )
        )
    return [Group("", plots)] if plots else []


def interval_row(label: str, figure: Figure, series: Series) -> Interval:
    """A line of a plot; a figure without an interval is a dot."""
    low, high = figure.interval or (figure.value, figure.value)
    return Interval(label, figure.value, low, high, series)


def _interval_words(figures: Sequence[Figure]) -> str:
    return "; ".join(
        f"{figure.subject} {number_text(figure.value)} ({interval_text(figure)})"
        if interval_text(figure)
        else f"{figure.subject} {number_text(figure.value)}"
        for figure in figures
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
        description=f"The last {len(nights)} runs, {refused:,} of them refused (hollow). "
        f"{signed_text(change)} since run {before.run_id}"
        + (f" ({share_text(change / before.own.value)})." if before.own.value else "."),
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
