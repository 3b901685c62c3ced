"""What `toplists status` says of the stores: which run each shows, as far as the ledger knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from toplists.lake.bookkeeping import Row
from toplists.pipeline.screen import age_text, printable
from toplists.reader import Publication


@dataclass(frozen=True)
class _Told:
    """What an export left in the ledger of a store: the run, and why it did not get there, if it did not."""

    at: datetime
    run_id: str
    behind: str | None = None


def store_facts(
    names: Iterable[str], ledger: Sequence[Row], live: Publication, now: datetime
) -> list[tuple[str, str]]:
    """A line for each store.

    Args:
        names: The stores that settings name.
        ledger: Rows of `runs`.
        live: What is live in Delta.
        now: The time that ages are counted to.

    Returns:
        What it is called, and what is said.
    """
    told = _told(ledger)
    return [(f"store {name}", _said(told.get(name, ()), live, now)) for name in names]


def _told(ledger: Sequence[Row]) -> dict[str, list[_Told]]:
    """By store, in the order in which it happened."""
    found: dict[str, list[_Told]] = {}
    exports = [row for row in ledger if row["step"] == "export" and row["facts"]]
    for row in sorted(exports, key=lambda row: row["at"]):
        facts = json.loads(row["facts"])
        for name in facts["stores"]:
            found.setdefault(name, []).append(_Told(row["at"], row["run_id"]))
        for name, reason in facts["behind"].items():
            found.setdefault(name, []).append(_Told(row["at"], row["run_id"], reason))
    return found


def _said(told: Sequence[_Told], live: Publication, now: datetime) -> str:
    brought = next((one for one in reversed(told) if one.behind is None), None)
    if brought is None:
        shows = "shows nothing yet"
    else:
        shows = f"shows run {brought.run_id}, brought {age_text(brought.at, now)}"
    if told and told[-1].behind is not None:
        reason = printable(told[-1].behind).rstrip(".")
        return (
            f"behind, {shows}: {reason}. ./spark-submit.sh export --resume brings what is missing"
        )
    if brought is None or brought.run_id != live.run_id:
        return f"behind, {shows}: ./spark-submit.sh export brings it"
    return shows
