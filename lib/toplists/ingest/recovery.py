"""Taking back what an ingest wrote that was killed before it was complete."""

from __future__ import annotations

from collections.abc import Collection

from deltalake import DeltaTable

from toplists.errors import ToplistsError
from toplists.lake.bookkeeping import delete_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table
from toplists.lake.tables import EVENTS, ITEMS, LOADS, REJECTED_EVENTS, USERS

# Operations that put rows into the table or take some out; all others only rearrange it.
_CHANGES = frozenset({"WRITE", "MERGE", "UPDATE", "DELETE"})


def complete_loads(dataset: Dataset) -> set[str]:
    """The ids of the loads that were taken in to their end."""
    return {load["load_id"] for load in read_rows(dataset, LOADS)}


def take_back_unfinished(
    dataset: Dataset, complete: Collection[str], load_id: str | None = None
) -> str | None:
    """Restore what a load changed that died before it was complete: `events`, `items` and `users`.

    Refused rows of loads that are not complete are removed, also of those that left no events.

    Its entries would be live before the load is. Nobody sees its events; but were they left, another
    load that brings the same events would find them there, add nothing, and they would be hidden for
    good; and an event that the dead load had corrected would be lost.

    Args:
        dataset: The dataset; the caller holds its lease.
        complete: Ids of the complete loads.
        load_id: The load that comes next. If it is itself the one that died, its events, entries and
            refused rows stay: it will recognise the ones and replace the others.

    Returns:
        The load of which something was taken back, `None` if there was none.

    Raises:
        ToplistsError: rows were changed since by something else, which restoring would undo.
    """
    if not dataset.has(EVENTS):
        return None
    restored = [_restore(dataset, table, complete, load_id) for table in (EVENTS, ITEMS, USERS)]
    _remove_refused(dataset, {*complete, load_id})
    return next((one for one in restored if one is not None), None)


def _restore(
    dataset: Dataset, table: Table, complete: Collection[str], load_id: str | None
) -> str | None:
    if not dataset.has(table):
        return None
    opened = DeltaTable(dataset.path(table))
    unfinished: str | None = None
    first = -1
    other_change: str | None = None
    for commit in opened.history():
        operation, load = commit["operation"], commit.get("userMetadata")
        if operation == "RESTORE" or load in complete:
            break
        if load is not None and operation in _CHANGES:
            unfinished, first = load, int(commit["version"])
        elif operation in _CHANGES and unfinished is None:
            other_change = operation
    if unfinished is None or unfinished == load_id:
        return None
    if other_change is not None:
        raise ToplistsError(
            f"Load {unfinished} of dataset {dataset.name} was interrupted, and {table.name} was changed "
            f"since ({other_change}). Take the same input in again first, which completes that load."
        )
    with written(f"restore {table.name}"):
        opened.restore(first - 1)
    return unfinished


def _remove_refused(dataset: Dataset, kept: Collection[str | None]) -> None:
    """Delete the refused rows of all loads but `kept`."""
    if not dataset.has(REJECTED_EVENTS):
        return
    stored = DeltaTable(dataset.path(REJECTED_EVENTS)).partitions()
    left = {part["load_id"] for part in stored} - set(kept)
    if left:
        listed = ", ".join(f"'{one}'" for one in sorted(left))
        delete_rows(dataset, REJECTED_EVENTS, where=f"load_id IN ({listed})")
