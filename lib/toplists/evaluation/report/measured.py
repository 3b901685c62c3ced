"""What a report says of the figures of a run: candidate, popularity and live, and earlier nights."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.report.by_slice import slices_section
from toplists.evaluation.report.content import Figure, RunContent
from toplists.evaluation.report.intervals import interval_row, interval_words, series_of
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Group,
    Intervals,
    Part,
    Row,
    Scatter,
    Section,
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
        f"Measured on up to {users:,} users with held-out interactions ({content.protocol}), for which all "
        f"contenders learnt from the same part. Intervals cover {content.confidence * 100:g} %. "
        f"{content.deciding} decides."
    )
    return [
        Section("How good it is", [_table(content, own), *_plots(content, own)], intro),
        slices_section(content),
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
    versus = {
        (figure.versus, figure.metric): figure
        for figure in content.figures
        if figure.versus and not figure.slice
    }
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
                    interval_row(
                        figure.subject, figure, series_of(figure.subject, content.candidate)
                    )
                    for figure in figures
                ],
            )
        )
    return [Group("", plots)] if plots else []


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
                series_of(figure.subject, content.candidate),
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
