"""`toplists status`: which datasets there are, what is live, how fresh it is, what ran last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.cli.history import print_chart
from toplists.cli.judgement import print_judgement
from toplists.cli.places import Place
from toplists.cli.publications import live_facts
from toplists.cli.stores import store_facts
from toplists.lake.attempts import RUNNING, RunState, StepState, last_nights, last_runs
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.tables import RUNS
from toplists.pipeline.screen import age_text, printable, seconds_text
from toplists.reader import ListsUnavailableError

_STYLES = {"done": "green", "refused": "yellow", "failed": "red", RUNNING: "cyan"}


def show_status(
    console: Console,
    lake: str,
    places: Sequence[Place],
    chosen: Place,
    stores: Sequence[str],
    *,
    runs: int,
    history: int,
    now: datetime,
) -> None:
    """Print the datasets of the lake, then what is live in the chosen one and its last runs.

    Args:
        console: Where to.
        lake: Folder of the lake.
        places: Its datasets.
        chosen: The one to speak of.
        stores: Names of the stores that its live run is brought to.
        runs: Runs to list.
        history: Runs to chart.
        now: The time that ages are counted to.
    """
    console.print(Text.assemble(("Lake ", "bold cyan"), str(Path(lake).expanduser().resolve())))
    _print_indented(console, _datasets(places, chosen, now))
    _print_title(console, f"Dataset {chosen.dataset.name}")
    ledger = read_rows(chosen.dataset, RUNS)
    _print_indented(console, _live(chosen, ledger, stores, now))
    recent = last_runs(ledger, runs)
    if recent:
        _print_title(console, "Last runs")
        _print_runs(console, recent, now)
    print_judgement(console, ledger)
    nights = last_nights(ledger, history)
    if len(nights) > 1:
        _print_title(console, "How long runs took")
        print_chart(console, nights, indent=2)


def _datasets(places: Sequence[Place], chosen: Place, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("dataset", overflow="fold")
    for heading in ("live run", "as of", "published"):
        table.add_column(heading, no_wrap=True)
    for place in places:
        live = place.live
        cells = (live.run_id, str(live.as_of), age_text(live.published_at, now)) if live else ("-",)
        table.add_row(place.dataset.name, *cells, style="bold" if place is chosen else None)
    return table


def _live(place: Place, ledger: Sequence[Row], stores: Sequence[str], now: datetime) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    live = place.live
    if live is None:
        table.add_row("live", "nothing: ./spark-submit.sh nightly publishes")
        return table
    for name, value in live_facts(live, now):
        table.add_row(name, value)
    behind = _seconds_behind(ledger, live.run_id)
    if behind is not None:
        since = live.published_at - timedelta(seconds=behind)
        table.add_row("newest event", f"{age_text(since, live.published_at)} when it was published")
    table.add_row("lists", _counts(place))
    if live.previous_run_id is not None:
        table.add_row("before it", f"run {live.previous_run_id}")
    if live.bad_run_id is not None:
        table.add_row("marked bad", f"run {live.bad_run_id}")
    for name, value in store_facts(stores, ledger, live, now):
        table.add_row(name, value)
    return table


def _seconds_behind(ledger: Sequence[Row], run_id: str) -> float | None:
    """How old the newest event was that the run knows, when it was published; `None` = not noted."""
    published = [
        json.loads(row["facts"])
        for row in sorted(ledger, key=lambda row: row["at"])
        if (row["run_id"], row["step"], row["state"]) == (run_id, "publish", "done")
        and row["facts"]
    ]
    seconds: float | None = published[-1].get("responsiveness_seconds") if published else None
    return seconds


def _counts(place: Place) -> str:
    try:
        counts = place.lists.read(lambda live: live.counts())
    except ListsUnavailableError as error:
        return str(error)
    return f"{counts.users:,} users, {counts.items:,} items" if counts else "none"


def _print_runs(console: Console, runs: Sequence[RunState], now: datetime) -> None:
    id_width = max(len(run.run_id) for run in runs)
    said_width = max(len(_said(run.last)) for run in runs)
    for run in runs:
        said = (f"{_said(run.last):<{said_width}}", _STYLES[run.last.state])
        facts = f"  {age_text(run.at, now)}, {seconds_text(run.seconds)}"
        head = Text.assemble(f"{printable(run.run_id):<{id_width}}  ", said, (facts, "dim"))
        _print_indented(console, head)
        took = [f"{s.step} {seconds_text(s.seconds)}" for s in run.steps if s.seconds is not None]
        if took:
            _print_indented(console, Text(", ".join(took), style="dim"), 4)
        for step in run.steps:
            if step.reason and step.state != "done":
                reason = f"{step.step}: {printable(step.reason)}"
                _print_indented(console, Text(reason, style=_STYLES[step.state]), 4)


def _said(step: StepState) -> str:
    state = "running or interrupted" if step.state == RUNNING else step.state
    return f"{step.step} {state}"


def _print_title(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold cyan"))


def _print_indented(console: Console, content: Table | Text, by: int = 2) -> None:
    console.print(Padding(content, (0, 0, 0, by), expand=False))
