"""`toplists history` and `status --from`: what was published when, and what readers see now."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.cli.sources import Source
from toplists.errors import ConfigurationError
from toplists.pipeline.screen import age_text, printable, time_text
from toplists.reader import Publication

_VERBS = {"publish": "published", "rollback": "rolled back"}


def show_publications(
    console: Console, source: Source, n: int, *, as_json: bool, now: datetime
) -> None:
    """Print the last publications and rollbacks, newest first, and which of them readers see.

    Raises:
        ConfigurationError: nothing was published.
    """
    live = require_live(source)
    moves = source.publications()[::-1]
    if as_json:
        said = {"from": source.called, "live": live, "publications": moves[:n]}
        console.print(json.dumps(said, default=_as_json, indent=2), soft_wrap=True)
        return
    console.print(Text.assemble((f"Publications of {printable(source.name)}", "bold cyan")))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("#", "when", "run", "as of"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what", overflow="fold")
    for move in moves[:n]:
        table.add_row(
            str(move.sequence),
            age_text(move.published_at, now),
            move.run_id,
            str(move.as_of),
            _what(move, live),
            style="bold" if move.sequence == live.sequence else None,
        )
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    behind = sum(move.sequence > live.sequence for move in moves)
    if behind:
        console.print()
        console.print(_behind(source, behind))


def show_source(console: Console, source: Source, now: datetime) -> None:
    """Print what is live there, and how fresh it is.

    Raises:
        ConfigurationError: nothing was published.
    """
    live = require_live(source)
    console.print(Text.assemble((f"Lists in {printable(source.name)}", "bold cyan")))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in live_facts(live, now):
        table.add_row(name, value)
    behind = sum(move.sequence > live.sequence for move in source.publications())
    if behind:
        table.add_row("behind", _behind(source, behind))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def live_facts(live: Publication, now: datetime) -> list[tuple[str, str]]:
    """What there is to say of any publication: names, and what is said."""
    return [
        ("live", f"run {live.run_id}"),
        ("knows", f"every event before {live.as_of} 00:00 UTC"),
        (
            _VERBS.get(live.action, live.action),
            f"{age_text(live.published_at, now)}, {time_text(live.published_at)}",
        ),
    ]


def require_live(source: Source) -> Publication:
    """What is live.

    Raises:
        ConfigurationError: nothing is.
    """
    live = source.lists.publication()
    if live is None:
        raise ConfigurationError(
            f"Nothing is published in {source.called} yet. ./spark-submit.sh nightly "
            "publishes; ./toplists status says what ran so far."
        )
    return live


def _what(move: Publication, live: Publication) -> str:
    said = [
        _VERBS.get(move.action, move.action),
        "live" if move.sequence == live.sequence else "",
        f"declared {move.bad_run_id} bad" if move.bad_run_id else "",
    ]
    return ", ".join(part for part in said if part)


def _behind(source: Source, publications: int) -> str:
    moves = "1 publication" if publications == 1 else f"{publications} publications"
    return f"{printable(source.name)} is {moves} behind the lake: ./spark-submit.sh export"


def _as_json(value: object) -> object:
    if isinstance(value, Publication):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
