"""What the gate found of a run, rule by rule, as the ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.lake.attempts import JUDGED
from toplists.lake.bookkeeping import Row
from toplists.pipeline.screen import printable

_STYLES = {"passed": "green", "warned": "yellow", "blocked": "bold red", "not_judged": "dim"}


def print_judgement(console: Console, ledger: Sequence[Row]) -> None:
    """Print the rules by which a run of `ledger` was judged last, each with what was found.

    Nothing, where none was, or by a release that did not note it.

    Args:
        console: Where to.
        ledger: Rows of the table `runs`.
    """
    judged = [
        row
        for row in ledger
        if row["step"] == "evaluate" and row["state"] in JUDGED and row["facts"]
    ]
    if not judged:
        return
    last = max(judged, key=lambda row: row["at"])
    outcomes = json.loads(last["facts"]).get("verdict", {}).get("rules", ())
    if not outcomes:
        return
    console.print()
    console.print(Text(f"What the gate found of run {printable(last['run_id'])}", "bold cyan"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for outcome in outcomes:
        state = outcome["state"]
        said = Text(state.replace("_", " "), _STYLES[state])
        table.add_row(_kind(outcome["rule"]), said, printable(outcome["sentence"]))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _kind(rule: Mapping[str, object]) -> str:
    """What a rule is, and whether it only warns."""
    return f"{rule['rule']}" + (" (warns)" if rule["action"] == "warn" else "")
