"""What a report says of the nights before."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.report.content import Figure, Night, RunContent
from toplists.evaluation.report.parts import Line, Lines, Point, Section
from toplists.evaluation.report.words import signed_text


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
