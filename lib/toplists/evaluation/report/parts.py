"""What a page is built of: a heading, sections, and a few kinds of parts, whatever they tell of.

Numbers in tables are text already; those of plots are in the units of their axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Tone: TypeAlias = Literal["plain", "good", "bad", "warn"]
Series: TypeAlias = Literal["candidate", "popularity", "live", "other"]
"""Whose something is: decides colour, mark and dashes."""


@dataclass(frozen=True)
class Prose:
    """Sentences, one paragraph or list item each."""

    kind: ClassVar[str] = "prose"
    sentences: Sequence[str]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for, under a title if it has one."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]
    title: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, something smaller under it, and whether it is the best of its column."""

    text: str
    small: str = ""
    tone: Tone = "plain"
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds numbers, and whether a cell is one word that stays whole."""

    label: str
    numeric: bool = False
    short: bool = False


@dataclass(frozen=True)
class Row:
    """A row: its cells, of which the first names it. `instead` stands for all cells but the first."""

    cells: Sequence[Cell]
    instead: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Interval:
    """One line of an `Intervals` plot: a value between two others."""

    label: str
    value: float
    low: float
    high: float
    series: Series = "candidate"


@dataclass(frozen=True)
class Intervals:
    """Values with their intervals, one below the other on one scale.

    `legend` says whose marks are whose, where the labels of the rows do not.
    """

    kind: ClassVar[str] = "intervals"
    title: str
    description: str
    rows: Sequence[Interval]
    legend: Sequence[tuple[str, Series]] = ()


@dataclass(frozen=True)
class Point:
    """A point of a line. `low` and `high` are the ends of its interval, `hollow` marks it as odd."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Line:
    """A line with the name of what it shows."""

    label: str
    points: Sequence[Point]
    series: Series = "candidate"
    marks: bool = True


@dataclass(frozen=True)
class Lines:
    """Lines on common axes.

    `x_names` are what the positions 0, 1, 2, … are called; without them x is a whole number. `share` says that
    both axes are shares from 0 to 1.
    """

    kind: ClassVar[str] = "lines"
    title: str
    description: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    x_names: Sequence[str] = ()
    share: bool = False


@dataclass(frozen=True)
class Spot:
    """A labelled point of a scatter plot."""

    label: str
    x: float
    y: float
    series: Series = "other"


@dataclass(frozen=True)
class Scatter:
    """Labelled points on two axes."""

    kind: ClassVar[str] = "scatter"
    title: str
    description: str
    x_label: str
    y_label: str
    spots: Sequence[Spot]


@dataclass(frozen=True)
class Bar:
    """A bar that begins at `start`; `text` says how long it is."""

    label: str
    start: float
    length: float
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Bars:
    """Bars on one scale, one below the other."""

    kind: ClassVar[str] = "bars"
    title: str
    description: str
    bars: Sequence[Bar]


Plot: TypeAlias = Intervals | Lines | Scatter | Bars


@dataclass(frozen=True)
class Group:
    """Parts that stand side by side where there is room."""

    kind: ClassVar[str] = "group"
    title: str
    parts: Sequence[Table | Plot]


Part: TypeAlias = Prose | Facts | Table | Plot | Group


@dataclass(frozen=True)
class Section:
    """A heading, a sentence on what is shown, and the parts; without parts it is left out."""

    title: str
    parts: Sequence[Part]
    intro: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report.

    `headline` is the verdict in a few words, `tone` what kind of verdict that is; `lead` says more.
    """

    title: str
    subtitle: str
    headline: str
    tone: Tone
    lead: Sequence[Part]
    sections: Sequence[Section]
