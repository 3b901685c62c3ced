"""The closing table of a command: what went through, how good it is, what is live, where time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.pipeline.screen import printable, seconds_text

_LEAST_TEXT = 14


@dataclass(frozen=True)
class StepSummary:
    """A finished step: its verb, the line it showed, and its wall time in seconds."""

    verb: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class MetricLine:
    """A figure of the new lists beside the same figure of popularity and of the live run."""

    metric: str
    model: float | None
    popularity: float | None
    live: float | None


@dataclass(frozen=True)
class RunSummary:
    """What a run came to.

    Attributes:
        dataset: Name of the dataset.
        run_id: The run.
        as_of: Its `as_of`.
        rows_in: Rows in the inputs.
        rejected: Rows of them that were refused.
        users: Users with a list.
        items: Items that can be recommended.
        model: Name of the model, heading its column of figures.
        metrics: Figures on the holdout; none where nothing was evaluated.
        steps: The steps, in order.
        live: What is live now, as a sentence.
        hints: Commands to go on with.
    """

    dataset: str
    run_id: str
    as_of: date
    rows_in: int
    rejected: int
    users: int
    items: int
    model: str
    metrics: Sequence[MetricLine]
    steps: Sequence[StepSummary]
    live: str
    hints: Sequence[str] = ()


@dataclass(frozen=True)
class TextTable:
    """Texts side by side: a title, the names of the columns, and rows of as many texts.

    All columns but the first `left` ones hold figures, which stand at the right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def print_table(console: Console, table: TextTable) -> None:
    """Print the table; columns of figures that do not fit beside one another come below."""
    console.print()
    console.print(Text(printable(table.title), style="bold"))
    for columns in _groups(table, console.width - 2):
        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for place in columns:
            is_text = place < table.left
            shown.add_column(
                Text(printable(table.columns[place])),
                justify="left" if is_text else "right",
                no_wrap=not is_text,
            )
        for row in table.rows:
            shown.add_row(*(Text(printable(row[place])) for place in columns))
        console.print(Padding(shown, (0, 0, 0, 2), expand=False))


def _groups(table: TextTable, width: int) -> list[list[int]]:
    """The columns of each part of the table: all texts, and as many figures as there is room for."""
    widths = [
        2 + max(cell_len(printable(row[place])) for row in (table.columns, *table.rows))
        for place in range(len(table.columns))
    ]
    texts = [*range(table.left)]
    # A text may be wrapped, where there is more than one of them.
    least = sum(widths[:1]) + sum(min(one, _LEAST_TEXT) for one in widths[1 : table.left])
    groups, room = [[*texts]], width - least
    for place in range(table.left, len(widths)):
        if widths[place] > room and len(groups[-1]) > table.left:
            groups.append([*texts])
            room = width - least
        groups[-1].append(place)
        room -= widths[place]
    return groups


def print_summary(console: Console, summary: RunSummary) -> None:
    """Print the closing table."""
    parts: list[RenderableType] = [_facts(summary)]
    if summary.metrics:
        parts.append(_metrics(summary))
    hints = [Text(f"  {hint}", style="cyan", overflow="fold") for hint in summary.hints]
    parts.append(Group(Text(printable(summary.live), style="bold"), *hints))
    for part in parts:
        console.print()
        console.print(Padding(part, (0, 0, 0, 2), expand=False))


def _facts(summary: RunSummary) -> Table:
    steps = ", ".join(f"{step.verb} {seconds_text(step.seconds)}" for step in summary.steps)
    total = seconds_text(sum(step.seconds for step in summary.steps))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("run", f"{summary.run_id} of {summary.dataset}, as of {summary.as_of}")
    table.add_row("rows in", f"{summary.rows_in:,}, of which {summary.rejected:,} rejected")
    table.add_row("lists for", f"{summary.users:,} users, from {summary.items:,} items")
    table.add_row("time", f"{total}: {steps}")
    return table


def _metrics(summary: RunSummary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("holdout")
    for heading in (summary.model, "popularity", "live"):
        table.add_column(heading, justify="right")
    for line in summary.metrics:
        figures = (line.model, line.popularity, line.live)
        table.add_row(line.metric, *("-" if f is None else f"{f:.4f}" for f in figures))
    return table
