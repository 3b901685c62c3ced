"""What the tables of a lake know beside lists: the catalogue, and what users did."""

from __future__ import annotations

from collections.abc import Iterable

from toplists.reader.queries import literal, literals
from toplists.reader.records import CatalogueItem, Interaction
from toplists.reader.snapshot import Snapshot

CATALOGUE, HISTORY = "items", "interactions"
"""The tables that are asked."""


def find_items(snapshot: Snapshot, ids: Iterable[str]) -> dict[str, CatalogueItem]:
    """Those of the items that the catalogue knows, by id."""
    wanted = literals(dict.fromkeys(ids))
    if not wanted:
        return {}
    rows = snapshot.select(
        "item_id, title, year, genres", CATALOGUE, f"WHERE item_id IN ({wanted})"
    )
    return {
        row["item_id"]: CatalogueItem(
            row["item_id"], row["title"], row["year"], tuple(row["genres"] or ())
        )
        for row in rows
    }


def find_history(snapshot: Snapshot, run_id: str, user_id: str, limit: int) -> list[Interaction]:
    """At most `limit` interactions of a user that a run knew, newest first, by item id last.

    Interactions without a time come last. Empty for an unknown user.
    """
    rows = snapshot.select(
        "item_id, value, event_time",
        HISTORY,
        f"WHERE run_id = {literal(run_id)} AND user_id = {literal(user_id)} "
        f"ORDER BY event_time DESC NULLS LAST, item_id LIMIT {limit:d}",
    )
    return [Interaction(row["item_id"], row["value"], row["event_time"]) for row in rows]
