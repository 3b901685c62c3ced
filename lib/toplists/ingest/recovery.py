"""Taking back what an ingest wrote that was killed before it was complete."""

from __future__ import annotations

from collections.abc import Collection

from deltalake import DeltaTable

from toplists.errors import ToplistsError
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.tables import EVENTS

# Operations that put rows into the table or take some out; all others only rearrange it.
_CHANGES = frozenset({"WRITE", "MERGE", "UPDATE", "DELETE"})


def take_back_unfinished(
    dataset: Dataset, complete: Collection[str], load_id: str | None = None
) -> str | None:
    """Restore `events` to what it was before a load that died between its events and its completion.

    Nobody sees events of an incomplete load. Were they left, another load that brings the same events
    would find them there, add nothing, and they would be hidden for good; and an event that the dead
    load had corrected would be lost.

    Args:
        dataset: The dataset; the caller holds its lease.
        complete: Ids of the complete loads.
        load_id: The load that comes next. If it is itself the one that died, its events stay: it will
            recognise them.

    Returns:
        The load that was taken back, `None` if there was none.

    Raises:
        ToplistsError: rows were changed since by something else, which restoring would undo.
    """
    if not dataset.has(EVENTS):
        return None
    events = DeltaTable(dataset.path(EVENTS))
    unfinished: str | None = None
    first = -1
    other_change: str | None = None
    for commit in events.history():
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
            f"Load {unfinished} of dataset {dataset.name} was interrupted, and {EVENTS.name} was changed "
            f"since ({other_change}). Take the same input in again first, which completes that load."
        )
    with written(f"restore {EVENTS.name}"):
        events.restore(first - 1)
    return unfinished
