"""What a report says of the nights before, and of what is live."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.report.content import Change, Figure, Night, RunContent
from toplists.evaluation.report.parts import (
    Facts,
    Line,
    Lines,
    Part,
    Point,
    Section,
    Series,
)
from toplists.evaluation.report.words import number_text, share_text, signed_text

_X_LABEL = "run, by the day it knows up to"
_CHANGES = {
    "activity_psi": "stability index, activity",
    "values_psi": "stability index, values",
    "responsiveness": "hours from a new event to these lists, on average",
    "freshness": "hours from the newest event to these lists",
}
_SERIES: Sequence[Series] = ("candidate", "popularity", "live")


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
        x_label=_X_LABEL,
        y_label=content.deciding,
        lines=lines,
        x_names=[_day(night.run_id) for night in nights],
    )
    return Section(
        "By night",
        [plot],
        "Each run is measured on a holdout of its own, so nights differ by chance, too.",
    )


def _day(run_id: str) -> str:
    return run_id[:10]


def _points(nights: Sequence[tuple[Night, Figure | None]]) -> list[Point]:
    return [
        Point(float(place), figure.value, figure.low, figure.high, hollow=night.passed is False)
        for place, (night, figure) in enumerate(nights)
        if figure is not None
    ]


def changes_section(content: RunContent) -> Section:
    """How lists and snapshot compare with what was live, and how much lists changed by night."""
    parts: list[Part] = []
    if content.changes:
        pairs = [(_change_name(one.metric), _change_text(one)) for one in content.changes]
        parts.append(Facts(pairs, "Lists and snapshot beside those of the live run"))
    if len(content.churn) > 1:
        parts.append(_churn(content.churn))
    return Section(
        "Change", parts, "Similarities are 1 where nothing changed, indices of stability 0."
    )


def _change_name(metric: str) -> str:
    """A figure in words; `jaccard@10<0.25` is the share of users with a list of less similarity."""
    if "<" in metric:
        return f"users with {metric}"
    return _CHANGES.get(metric, metric.replace("_", " "))


def _change_text(figure: Figure) -> str:
    """`users_entered` is a number of users, `new_users` a share of them."""
    if figure.metric.endswith(("_entered", "_left")):
        return f"{figure.value:,.0f}"
    if figure.metric.startswith("new_") or "<" in figure.metric:
        return share_text(figure.value)
    return number_text(figure.value)


def _churn(nights: Sequence[Change]) -> Lines:
    measures = list(dict.fromkeys(name for night in nights for name in night.similarities))
    last = nights[-1].similarities
    return Lines(
        title="Similarity of lists to those that were live",
        description=f"The last {len(nights)} runs that were compared. This one: "
        + ", ".join(f"{name} {number_text(value)}" for name, value in last.items())
        + ".",
        x_label=_X_LABEL,
        y_label="similarity",
        lines=[
            Line(
                measure,
                [
                    Point(float(place), night.similarities[measure])
                    for place, night in enumerate(nights)
                    if measure in night.similarities
                ],
                series,
            )
            for measure, series in zip(measures, _SERIES, strict=False)
        ],
        x_names=[_day(night.run_id) for night in nights],
    )
