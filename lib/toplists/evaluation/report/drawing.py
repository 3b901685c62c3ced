"""Where the marks of a plot go: from the units of its data to those of its drawing.

A drawing is 400 units wide, about the width of a phone, so that text has the size it is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from toplists.evaluation.report.parts import Bar, Bars, Intervals, Line, Lines, Plot, Scatter, Spot
from toplists.evaluation.report.scales import Scale, Tick, cover, round_step
from toplists.evaluation.report.words import number_text, shortened

WIDTH = 400
_ROW, _TOP, _AXIS, _NAME = 24, 8, 22, 16
_LABELS, _WIDE_LABELS, _RIGHT = 104, 150, 330
_LEFT, _END, _BELOW_NAME, _HEIGHT = 52, 380, 22, 190
_LABEL_LENGTH, _WIDE_LENGTH = 13, 20
_NAMED = 3
_HALF_NAME = 38
_LINE = 14
_MARKS = 6


@dataclass(frozen=True)
class Mark:
    """A value with its interval: a dot, a whisker from `low` to `high`, and texts beside them."""

    x: float
    y: float
    low: float
    high: float
    label: str
    text: str
    series: str


@dataclass(frozen=True)
class Dot:
    """A dot of a line; its whisker, if it has one, goes from `top` to `bottom`."""

    x: float
    y: float
    top: float | None
    bottom: float | None
    hollow: bool


@dataclass(frozen=True)
class Stroke:
    """A line: its path, and its dots."""

    path: str
    dots: tuple[Dot, ...]
    series: str


@dataclass(frozen=True)
class Label:
    """A dot with its name beside it, at the height `text_y`, which ends at the dot where `left`."""

    x: float
    y: float
    text_y: float
    text: str
    series: str
    left: bool


@dataclass(frozen=True)
class Block:
    """A bar, its label and its text."""

    x: float
    y: float
    width: float
    label: str
    text: str
    tone: str


@dataclass(frozen=True)
class Drawing:
    """Everything that is drawn of a plot; `x` and `y` are the marks of its axes."""

    height: float
    left: float
    right: float
    top: float
    bottom: float
    x: tuple[Tick, ...] = ()
    y: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    labels: tuple[Label, ...] = ()
    blocks: tuple[Block, ...] = ()


@singledispatch
def draw(plot: Plot) -> Drawing:
    """Lay a plot out.

    Raises:
        TypeError: it is no plot.
    """
    raise TypeError(f"{type(plot).__name__} is no plot")


@draw.register
def _(plot: Intervals) -> Drawing:
    ends = [end for row in plot.rows for end in (row.low, row.high, row.value)]
    wide = any(len(row.label) > _LABEL_LENGTH for row in plot.rows)
    left, length = (_WIDE_LABELS, _WIDE_LENGTH) if wide else (_LABELS, _LABEL_LENGTH)
    # From 0, unless all is so far from it that nothing could be told apart.
    scale = cover(ends, left, _RIGHT, zero=2 * min(ends) < max(ends))
    bottom = _TOP + _ROW * len(plot.rows)
    marks = tuple(
        Mark(
            x=scale.at(row.value),
            y=_TOP + _ROW * (place + 0.5),
            low=scale.at(row.low),
            high=scale.at(row.high),
            label=shortened(row.label, length),
            text=number_text(row.value),
            series=row.series,
        )
        for place, row in enumerate(plot.rows)
    )
    return Drawing(bottom + _AXIS, left, _RIGHT, _TOP, bottom, x=scale.ticks(), marks=marks)


@draw.register
def _(plot: Lines) -> Drawing:
    points = [point for line in plot.lines for point in line.points]
    heights = [end for p in points for end in (p.y, p.low, p.high) if end is not None]
    bottom = _BELOW_NAME + _HEIGHT
    if plot.share:
        across, up = Scale(0, 1, 0.25, _LEFT, _END), Scale(0, 1, 0.25, bottom, _BELOW_NAME)
    else:
        across = _across([point.x for point in points], plot)
        up = cover(heights, bottom, _BELOW_NAME)
    return Drawing(
        height=bottom + _AXIS + _NAME,
        left=_LEFT,
        right=_END,
        top=_BELOW_NAME,
        bottom=bottom,
        x=_names(plot, across) if plot.x_names else across.ticks(),
        y=up.ticks(),
        strokes=tuple(_stroke(line, across, up) for line in plot.lines),
    )


def _across(values: list[float], plot: Lines) -> Scale:
    """Half a step of room on both sides of what has names; whole numbers from the first to the last."""
    if plot.x_names:
        return Scale(-0.5, len(plot.x_names) - 0.5, 1, _LEFT, _END)
    low = min(values)
    high = max(low + 1, *values)
    return Scale(low, high, max(1.0, round_step(high - low, _MARKS)), _LEFT, _END)


def _names(plot: Lines, across: Scale) -> tuple[Tick, ...]:
    """The first and the last name, and some between."""
    last = len(plot.x_names) - 1
    count = last + 1 if last < _NAMED else _NAMED
    places = sorted({round(last * part / max(1, count - 1)) for part in range(count)})
    return tuple(_name(across.at(place), plot.x_names[place]) for place in places)


def _name(at: float, name: str) -> Tick:
    """A name below its place; one at the right border ends there, to stay within the drawing."""
    return Tick(at, shortened(name, 12), "end" if at > WIDTH - _HALF_NAME else "middle")


def _stroke(line: Line, across: Scale, up: Scale) -> Stroke:
    known = [point for point in line.points if math.isfinite(point.y)]
    path = " ".join(f"{across.at(point.x)},{up.at(point.y)}" for point in known)
    dots = tuple(
        Dot(
            x=across.at(point.x),
            y=up.at(point.y),
            top=None if point.high is None else up.at(point.high),
            bottom=None if point.low is None else up.at(point.low),
            hollow=point.hollow,
        )
        for point in known
    )
    return Stroke(path, dots if line.marks else (), line.series)


@draw.register
def _(plot: Scatter) -> Drawing:
    bottom = _BELOW_NAME + _HEIGHT
    across = cover([spot.x for spot in plot.spots], _LEFT, _END, count=5, zero=True)
    up = cover([spot.y for spot in plot.spots], bottom, _BELOW_NAME, zero=True)
    return Drawing(
        height=bottom + _AXIS + _NAME,
        left=_LEFT,
        right=_END,
        top=_BELOW_NAME,
        bottom=bottom,
        x=across.ticks(),
        y=up.ticks(),
        labels=_labels(plot.spots, across, up),
    )


def _labels(spots: Sequence[Spot], across: Scale, up: Scale) -> tuple[Label, ...]:
    """From above to below; a text goes down where it would lie on one that stands already."""
    labels: list[Label] = []
    for spot in sorted(spots, key=lambda spot: -spot.y):
        x, y = across.at(spot.x), up.at(spot.y)
        beside = [one.text_y for one in labels if abs(one.x - x) < _LABELS]
        text_y = max([y + 4, *(other + _LINE for other in beside)])
        left = x > (_LEFT + _END) / 2
        labels.append(Label(x, y, text_y, shortened(spot.label, 24), spot.series, left))
    return tuple(labels)


@draw.register
def _(plot: Bars) -> Drawing:
    scale = cover([bar.start + bar.length for bar in plot.bars], _LABELS, _RIGHT, zero=True)
    bottom = _TOP + _ROW * len(plot.bars)
    blocks = tuple(_block(bar, place, scale) for place, bar in enumerate(plot.bars))
    return Drawing(bottom + _AXIS, _LABELS, _RIGHT, _TOP, bottom, x=scale.ticks(), blocks=blocks)


def _block(bar: Bar, place: int, scale: Scale) -> Block:
    start, end = scale.at(bar.start), scale.at(bar.start + bar.length)
    return Block(
        x=start,
        y=_TOP + _ROW * place + 5,
        width=max(1.0, round(end - start, 1)),  # so that it can be seen
        label=shortened(bar.label, _LABEL_LENGTH),
        text=bar.text,
        tone=bar.tone,
    )
