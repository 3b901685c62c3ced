"""How lists and histories look: tables that fit the screen and show ids whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from toplists.pipeline.screen import printable
from toplists.reader import CatalogueItem, Interaction, RecommendedItem

Catalogue = Mapping[str, CatalogueItem]

_INDENT = 2
_GAP = 2
_LEAST = {"title": 16, "genres": 12}


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: Sequence[str]
    justify: Literal["left", "right"] = "left"
    style: str = ""

    @property
    def width(self) -> int:
        return max(cell_len(cell) for cell in [self.heading, *self.cells])

    def cut(self, width: int) -> _Column:
        """The column with every cell cut to at most `width` cells."""
        cells = [cell if cell_len(cell) <= width else _cut(cell, width) for cell in self.cells]
        return _Column(self.heading, cells, self.justify, self.style)


def print_items(console: Console, items: Sequence[RecommendedItem], catalogue: Catalogue) -> None:
    """Print a list, best first: place, item, title, year, genres, score, source."""
    ids = [item.item_id for item in items]
    places = [str(place) for place in range(1, len(items) + 1)]
    _print_columns(
        console,
        before=[_Column("#", places, "right", "dim"), _id_column(ids)],
        texts=_catalogue_columns(ids, catalogue),
        after=[
            _Column("score", score_texts([item.score for item in items]), "right"),
            _Column("source", [printable(item.source) for item in items], style="dim"),
        ],
    )


def print_counts(console: Console, counts: Sequence[tuple[str, int]], catalogue: Catalogue) -> None:
    """Print items in the given order, each with the number of lists it is in."""
    ids = [item for item, _ in counts]
    _print_columns(
        console,
        before=[_id_column(ids)],
        texts=_catalogue_columns(ids, catalogue),
        after=[_Column("lists", [f"{lists:,}" for _, lists in counts], "right")],
    )


def print_history(console: Console, history: Sequence[Interaction], catalogue: Catalogue) -> None:
    """Print interactions in the given order: day, item, title, year, genres, value."""
    ids = [seen.item_id for seen in history]
    days = [f"{seen.event_time:%Y-%m-%d}" if seen.event_time else "" for seen in history]
    values = ["" if seen.value is None else f"{seen.value:g}" for seen in history]
    _print_columns(
        console,
        before=[_Column("day", days, style="dim"), _id_column(ids)],
        texts=_catalogue_columns(ids, catalogue),
        after=[_Column("value", values, "right")],
    )


def score_texts(scores: Sequence[float]) -> list[str]:
    """Scores with four decimals; counts, which popularity scores by, without any."""
    decimals = 0 if all(score.is_integer() for score in scores) else 4
    return [f"{score:,.{decimals}f}" for score in scores]


def _id_column(ids: Sequence[str]) -> _Column:
    return _Column("item", [printable(id_) for id_ in ids])


def _catalogue_columns(ids: Sequence[str], catalogue: Catalogue) -> list[_Column]:
    """Title, year and genres of the items; a column that would be empty is left out."""
    nothing = CatalogueItem("", None, None, ())
    known = [catalogue.get(id_, nothing) for id_ in ids]
    columns = [
        _Column("title", [printable(item.title or "") for item in known], style="bold"),
        _Column("year", [str(item.year or "") for item in known]),
        _Column("genres", [printable(", ".join(item.genres)) for item in known], style="dim"),
    ]
    return [column for column in columns if any(column.cells)]


def _print_columns(
    console: Console,
    before: Sequence[_Column],
    texts: Sequence[_Column],
    after: Sequence[_Column],
) -> None:
    fixed = sum(column.width + _GAP for column in [*before, *after])
    room = console.width - _INDENT - fixed
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    columns = [*before, *_fit(texts, room), *after]
    for column in columns:
        table.add_column(
            column.heading, justify=column.justify, style=column.style, overflow="fold"
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))


def _fit(columns: Sequence[_Column], room: int) -> list[_Column]:
    """The catalogue's columns cut to `room`: genres give way first, then the title, then years."""
    fitted = list(columns)
    for heading in ("genres", "year"):
        if sum(_least(column) + _GAP for column in fitted) > room:
            fitted = [column for column in fitted if column.heading != heading]
    for heading in ("genres", "title"):
        surplus = sum(column.width + _GAP for column in fitted) - room
        if surplus > 0:
            fitted = [
                column.cut(max(column.width - surplus, _least(column)))
                if column.heading == heading
                else column
                for column in fitted
            ]
    return fitted


def _least(column: _Column) -> int:
    """The width below which a column tells nothing."""
    return min(column.width, _LEAST.get(column.heading, column.width))


def _cut(text: str, width: int) -> str:
    while cell_len(text) > width - 1:
        text = text[:-1]
    return text.rstrip() + "…"
