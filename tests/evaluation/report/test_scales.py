from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.evaluation.report.drawing import WIDTH, draw
from toplists.evaluation.report.parts import (
    Bar,
    Bars,
    Interval,
    Intervals,
    Line,
    Lines,
    Point,
    Scatter,
    Spot,
)
from toplists.evaluation.report.scales import cover

SOME = st.floats(min_value=-1e9, max_value=1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)


@given(st.lists(SOME, max_size=6), st.integers(2, 6), st.booleans())
def test_a_scale_covers_its_values_with_few_round_marks(values, count, zero) -> None:
    scale = cover(values, 0, 100, count=count, zero=zero)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= count + 2
    slack = 1e-9 * (scale.high - scale.low)
    assert all(scale.low - slack <= value <= scale.high + slack for value in values)
    assert all(0 <= tick.at <= 100 for tick in ticks)
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    if zero:
        assert scale.low <= 0 <= scale.high


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 0.07], ["0.00", "0.02", "0.04", "0.06", "0.08"]),
        ([0.0, 1.0], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([141_000, 183_000], ["140,000", "160,000", "180,000", "200,000"]),
        ([0.0], ["0.00", "0.25", "0.50", "0.75", "1.00"]),  # nothing to spread over
        ([math.nan, math.inf], ["0.00", "0.25", "0.50", "0.75", "1.00"]),
    ],
)
def test_marks_say_what_they_stand_for(values, labels) -> None:
    assert [tick.label for tick in cover(values, 0, 100).ticks()] == labels


@given(st.lists(st.tuples(SOME, SOME, SOME).map(sorted), min_size=1, max_size=5))
def test_what_is_drawn_lies_within_the_drawing(triples) -> None:
    rows = [Interval("a", value, low, high) for low, value, high in triples]
    intervals = draw(Intervals("t", "d", rows))
    for mark in intervals.marks:
        assert intervals.left <= mark.low <= mark.x <= mark.high <= intervals.right <= WIDTH
        assert intervals.top <= mark.y <= intervals.bottom
    points = [Point(float(x), v, low, high) for x, (low, v, high) in enumerate(triples)]
    lines = draw(Lines("t", "d", "x", "y", [Line("l", points)]))
    (stroke,) = lines.strokes
    for dot in stroke.dots:
        assert lines.left <= dot.x <= lines.right
        assert dot.top is not None
        assert dot.bottom is not None
        assert lines.top <= dot.top <= dot.y <= dot.bottom <= lines.bottom


def test_bars_follow_one_another() -> None:
    bars = draw(
        Bars("t", "d", [Bar("a", 0, 3, "3 s"), Bar("b", 3, 1, "1 s"), Bar("c", 4, 0, "0 s")])
    )
    first, second, third = bars.blocks
    assert first.x + first.width == pytest.approx(second.x, abs=0.2)
    assert third.width == 1  # can still be seen
    assert third.x + third.width <= WIDTH


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 10, 30])
def test_names_below_an_axis_do_not_touch(count) -> None:
    points = [Point(float(place), 1.0 + place) for place in range(count)]
    names = ["2026-03-01"] * count
    drawing = draw(Lines("t", "d", "x", "y", [Line("l", points)], names))
    width = 7 * len(names[0])
    spans = [
        (tick.at - width, tick.at)
        if tick.anchor == "end"
        else (tick.at - width / 2, tick.at + width / 2)
        for tick in drawing.x
    ]
    assert len(spans) == min(count, 3)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= WIDTH


def test_labels_of_close_spots_stand_below_one_another() -> None:
    spots = [Spot("als", 0.31, 0.0652), Spot("live", 0.30, 0.0651), Spot("far", 0.02, 0.0651)]
    first, second, third = sorted(
        draw(Scatter("t", "d", "x", "y", spots)).labels, key=lambda one: one.text
    )
    assert (first.text, second.text, third.text) == ("als", "far", "live")
    assert third.text_y - first.text_y >= 14
    assert second.text_y == second.y + 4


def test_a_scale_begins_at_zero_unless_everything_is_far_from_it() -> None:
    near = draw(
        Intervals("t", "d", [Interval("a", 0.06, 0.05, 0.07), Interval("b", 0.03, 0.02, 0.04)])
    )
    assert near.x[0].label == "0.00"
    far = draw(
        Intervals("t", "d", [Interval("a", 0.862, 0.85, 0.88), Interval("b", 0.87, 0.86, 0.89)])
    )
    assert float(far.x[0].label) >= 0.8
