"""Which run is live: the last row of `publications`, and nothing else.

Publishing and rolling back append one row that names a run for all published tables together. The
append is a compare-and-set on the table's version: it fails if anybody moved the pointer since it was
read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

from deltalake import DeltaTable

from toplists.errors import ConflictError
from toplists.lake.bookkeeping import compare_and_append
from toplists.lake.dataset import Dataset
from toplists.lake.files import write_atomically
from toplists.lake.lease import Lease
from toplists.lake.tables import PUBLICATIONS


@dataclass(frozen=True)
class Publication:
    """One row of `publications`."""

    sequence: int
    run_id: str
    action: Literal["publish", "rollback"]
    as_of: date
    previous_run_id: str | None
    bad_run_id: str | None
    fence: int
    published_at: datetime


@dataclass(frozen=True)
class Pointer:
    """The history of publications as it was at one version of the table, oldest first."""

    version: int
    history: tuple[Publication, ...]

    @property
    def live(self) -> Publication | None:
        """The publication that readers see; `None` before the first."""
        return self.history[-1] if self.history else None

    @property
    def bad_runs(self) -> frozenset[str]:
        """Runs that were declared bad: never a target, parent or contender again."""
        return frozenset(p.bad_run_id for p in self.history if p.bad_run_id)

    def has_named(self, run_id: str) -> bool:
        """Whether the run was ever live; such a run is never rewritten."""
        return any(publication.run_id == run_id for publication in self.history)

    def runs_newest_first(self) -> list[str]:
        """Every run that was ever live, the one named last first."""
        return list(dict.fromkeys(p.run_id for p in reversed(self.history)))


def read_pointer(dataset: Dataset) -> Pointer:
    """The pointer as it stands; without history where nothing was ever published."""
    if not dataset.has(PUBLICATIONS):
        return Pointer(version=-1, history=())
    table = DeltaTable(dataset.path(PUBLICATIONS))
    rows = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: int(row["sequence"]))
    return Pointer(table.version(), tuple(Publication(**row) for row in rows))


def move_pointer(
    dataset: Dataset,
    pointer: Pointer,
    lease: Lease,
    *,
    run_id: str,
    as_of: date,
    action: Literal["publish", "rollback"],
    now: datetime,
    bad_run_id: str | None = None,
) -> Publication:
    """Make `run_id` live for all published tables at once.

    Args:
        dataset: The dataset whose pointer moves.
        pointer: The pointer as the decision to move it was based on.
        lease: The caller's lease.
        run_id: The run that becomes live.
        as_of: That run's `as_of`.
        action: Why it moves.
        now: Time written into the row.
        bad_run_id: A run to be declared bad in the same row.

    Raises:
        ConflictError: the pointer moved since it was read, or a later lease has moved it.
    """
    live = pointer.live
    if live is not None and live.fence > lease.fence:
        raise ConflictError(
            f"Dataset {dataset.name} was published by a later writer (lease {live.fence}, ours is "
            f"{lease.fence}); nothing was changed. Run the command again."
        )
    publication = Publication(
        sequence=live.sequence + 1 if live else 1,
        run_id=run_id,
        action=action,
        as_of=as_of,
        previous_run_id=live.run_id if live else None,
        bad_run_id=bad_run_id,
        fence=lease.fence,
        published_at=now,
    )
    compare_and_append(dataset, PUBLICATIONS, asdict(publication), expected_version=pointer.version)
    write_current(dataset, publication)
    return publication


def write_current(dataset: Dataset, publication: Publication | None) -> None:
    """Rewrite `current.json`, a convenience for scripts; the truth is the table."""
    if publication is not None:
        content = json.dumps(asdict(publication), default=str, indent=2)
        write_atomically(dataset.root / "current.json", content + "\n")
