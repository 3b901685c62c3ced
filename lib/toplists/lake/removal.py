"""Up to when the rows of a table were removed for their age: a property of the table.

It is written before the rows go, so that whoever finds them missing knows why.
"""

from __future__ import annotations

from datetime import datetime

from deltalake import DeltaTable

from toplists.lake.failpoints import written

_PROPERTY = "toplists.removedBefore"


def removed_before(opened: DeltaTable) -> datetime | None:
    """The moment before which rows may be gone; `None` where none were removed for their age."""
    noted = opened.metadata().configuration.get(_PROPERTY)
    return datetime.fromisoformat(noted) if noted else None


def note_removal(opened: DeltaTable, before: datetime) -> None:
    """Note that rows before a moment go, unless later ones went already."""
    noted = removed_before(opened)
    if noted is None or noted < before:
        with written(f"property of {opened.metadata().name}"):
            opened.alter.set_table_properties(
                {_PROPERTY: before.isoformat()}, raise_if_not_exists=False
            )
