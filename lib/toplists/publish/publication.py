"""Publishing a run, and rolling back: both are one row appended to `publications`."""

from __future__ import annotations

from datetime import date, datetime

from deltalake import DeltaTable

from toplists.errors import ConfigurationError, GateRefusedError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.lease import Lease
from toplists.lake.ledger import Run
from toplists.lake.pointer import Pointer, Publication, move_pointer, read_pointer, write_current
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS

PUBLISHED_TABLES = (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS)


def publish(
    dataset: Dataset, candidate: Run, lease: Lease, *, now: datetime, force: bool
) -> Publication:
    """Make a run live, for all published tables at once.

    Publishing the run that is live already changes nothing.

    Args:
        dataset: The dataset.
        candidate: The run; its lists are complete and the gate has passed them.
        lease: The caller's lease.
        now: Time written into the pointer's row.
        force: Publish although the live run has a later `as_of`.

    Raises:
        ConfigurationError: a newer `as_of` is live.
        ConflictError: somebody else moved the pointer.
        GateRefusedError: the run was declared bad, or its tables are not fit to be read.
    """
    pointer = read_pointer(dataset)
    live = pointer.live
    if live is not None and live.run_id == candidate.run_id:
        write_current(dataset, live)
        return live
    if candidate.run_id in pointer.bad_runs:
        raise GateRefusedError(
            f"Run {candidate.run_id} was declared bad and is never published again. "
            "Run nightly over changed input or configuration."
        )
    require_newer(pointer, candidate, force=force)
    check_readable(dataset, candidate.run_id)
    return move_pointer(
        dataset,
        pointer,
        lease,
        run_id=candidate.run_id,
        as_of=as_of_of(candidate),
        action="publish",
        now=now,
    )


def require_newer(pointer: Pointer, candidate: Run, *, force: bool) -> None:
    """Refuse to put an older `as_of` over a newer one, unless that is wanted.

    Raises:
        ConfigurationError: a newer `as_of` is live, and `force` is not given.
    """
    live = pointer.live
    if live is not None and is_older(candidate, live) and not force:
        raise ConfigurationError(
            f"Run {candidate.run_id} is older than what is live (as_of {candidate.as_of}, live "
            f"{live.as_of}); nothing was published. Add --force to put the older lists live."
        )


def is_older(candidate: Run, live: Publication) -> bool:
    """Whether what is live knows later days than a run; of the same day neither is older."""
    return live.as_of > as_of_of(candidate)


def as_of_of(run: Run) -> date:
    """The run's `as_of`.

    Raises:
        ConfigurationError: it is a load, which has none.
    """
    if run.as_of is None:
        raise ConfigurationError(f"{run.run_id} is a load, not a run.")
    return run.as_of


def rollback(
    dataset: Dataset, lease: Lease, *, now: datetime, to: str | None, mark_bad: bool
) -> Publication:
    """Make an earlier run live again.

    Args:
        dataset: The dataset.
        lease: The caller's lease.
        now: Time written into the pointer's row.
        to: The run; `None` = the newest other run that was live before the present one.
        mark_bad: Declare the present run bad, so that it is never live again.

    Raises:
        ConfigurationError: there is no such run, or none to go back to.
    """
    pointer = read_pointer(dataset)
    live = pointer.live
    if live is None:
        raise ConfigurationError(
            f"Nothing was ever published in dataset {dataset.name}, so there is nothing to roll back."
        )
    target = to or _before(dataset, pointer, live.run_id)
    named = {publication.run_id: publication for publication in pointer.history}
    if target not in named:
        raise ConfigurationError(
            f"Run {target} was never live in dataset {dataset.name}. Runs to go back to: "
            f"{', '.join(_targets(dataset, pointer, live.run_id)) or 'none'}."
        )
    if target == live.run_id:
        raise ConfigurationError(f"Run {target} is live already.")
    if target in pointer.bad_runs:
        raise ConfigurationError(f"Run {target} was declared bad and is never live again.")
    check_readable(dataset, target)
    return move_pointer(
        dataset,
        pointer,
        lease,
        run_id=target,
        as_of=named[target].as_of,
        action="rollback",
        now=now,
        bad_run_id=live.run_id if mark_bad else None,
    )


def check_readable(dataset: Dataset, run_id: str) -> None:
    """Refuse a run whose published tables lack it, or that some readers could not read.

    Raises:
        GateRefusedError: a table has no rows of the run, or needs more than Delta reader version 1.
    """
    for table in PUBLISHED_TABLES:
        needed = DeltaTable(dataset.path(table)).protocol().min_reader_version
        if needed > 1:
            raise GateRefusedError(
                f"Table {table.name} needs Delta reader version {needed}: some readers would see "
                "nothing, or nulls. Remove the table feature that was switched on; published tables "
                "stay at reader version 1."
            )
        if not partition_files(dataset, table, run_id=run_id):
            raise GateRefusedError(
                f"Table {table.name} of dataset {dataset.name} has no rows of run {run_id}: the run "
                "is incomplete or was pruned. Run nightly, or choose another run."
            )


def _before(dataset: Dataset, pointer: Pointer, live: str) -> str:
    targets = _targets(dataset, pointer, live)
    # Going back twice leads further back, not to and fro: rollbacks themselves are not looked at.
    published = [p.run_id for p in pointer.history if p.action == "publish"]
    behind = published[: len(published) - 1 - published[::-1].index(live)]
    earlier = [run_id for run_id in reversed(behind) if run_id in targets]
    if earlier:
        return earlier[0]
    raise ConfigurationError(
        f"There is no earlier publication to go back to in dataset {dataset.name}. "
        f"Other runs that were live: {', '.join(targets) or 'none'} (choose one with --to)."
    )


def _targets(dataset: Dataset, pointer: Pointer, live: str) -> list[str]:
    """Runs to go back to, newest first: once live, not bad, not pruned."""
    kept = stored_runs(dataset)
    return [
        run_id
        for run_id in pointer.runs_newest_first()
        if run_id != live and run_id not in pointer.bad_runs and run_id in kept
    ]


def stored_runs(dataset: Dataset) -> set[str]:
    """The runs whose lists are in the lake."""
    if not dataset.has(RECOMMENDATIONS):
        return set()
    partitions = DeltaTable(dataset.path(RECOMMENDATIONS)).partitions()
    return {partition["run_id"] for partition in partitions}
