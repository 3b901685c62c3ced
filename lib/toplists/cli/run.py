"""`toplists status --run`: one run, every attempt at its steps, and what it ran on."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.cli.judgement import print_judgement
from toplists.cli.places import Place
from toplists.errors import ConfigurationError
from toplists.lake.attempts import RUNNING
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.tables import RUNS
from toplists.pipeline.screen import printable, seconds_text, time_text

_STYLES = {"done": "green", "refused": "yellow", "failed": "red", RUNNING: "cyan"}


def show_run(console: Console, place: Place, run_id: str) -> None:
    """Print what the ledger says of a run.

    Raises:
        ConfigurationError: the ledger has no such run.
    """
    rows = read_rows(place.dataset, RUNS, run_id=run_id)
    if not rows:
        raise ConfigurationError(
            f"There is no run {printable(run_id)} in dataset {place.dataset.name}. ./toplists status "
            "--runs 50 lists the last ones."
        )
    name = place.dataset.name
    console.print(Text.assemble((f"Run {printable(run_id)}", "bold cyan"), f" of {name}"))
    _print_indented(console, _attempts(rows))
    for row in _ends(rows):
        if row["reason"]:
            reason = f"{row['step']}: {printable(row['reason'])}"
            _print_indented(console, Text(reason, style=_STYLES[row["state"]]))
    print_judgement(console, rows)
    facts = [("code", rows[0]["code_version"]), *_surroundings(rows)]
    console.print()
    console.print(Text("It ran on", style="bold cyan"))
    _print_indented(console, _facts(facts))


def _attempts(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("step")
    table.add_column("try", justify="right")
    table.add_column("state")
    table.add_column("ended", no_wrap=True)
    for heading in ("seconds", "rows in", "rows out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in _ends(rows):
        began_only = row["state"] == RUNNING
        table.add_row(
            printable(row["step"]),
            str(row["attempt"]),
            Text(row["state"], style=_STYLES[row["state"]]),
            "" if began_only else time_text(row["at"]),
            "" if row["seconds"] is None else seconds_text(row["seconds"]),
            *("" if row[name] is None else f"{row[name]:,}" for name in ("rows_in", "rows_out")),
        )
    return table


def _ends(rows: Sequence[Row]) -> list[Row]:
    """One row per attempt, its end if it has one, in the order in which they were written."""
    last: dict[tuple[str, int], Row] = {}
    for row in sorted(rows, key=lambda row: row["state"] != RUNNING):
        last[row["step"], row["attempt"]] = row
    return sorted(last.values(), key=lambda row: row["at"])


def _surroundings(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What the attempt that began last ran on; nothing where an older release wrote the ledger."""
    began = [row for row in rows if row["state"] == RUNNING and row["facts"]]
    if not began:
        return []
    newest = json.loads(max(began, key=lambda row: row["at"])["facts"])
    return [(name, f"{value}") for name, value in newest.get("surroundings", {}).items() if value]


def _facts(facts: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, printable(value))
    return table


def _print_indented(console: Console, content: Table | Text) -> None:
    console.print(Padding(content, (0, 0, 0, 2), expand=False))
