"""maintain: remove what is beyond retention, put small files together, delete files nobody needs.

Needs no Spark. Everything goes by commits of their own or single files, so that it can be killed at any
point and run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from toplists.ingest.recovery import complete_loads, take_back_unfinished
from toplists.lake.compaction import compact_table, plan_compaction, why_left_alone
from toplists.lake.pointer import read_pointer
from toplists.lake.schema import Table
from toplists.lake.tables import TABLES
from toplists.lake.vacuum import Freed, vacuum_table
from toplists.pipeline.workplace import Workplace
from toplists.publish.aging import (
    find_old_logs,
    remove_old_events,
    remove_old_ledger,
    remove_old_rejected,
)
from toplists.publish.leftovers import (
    bytes_in,
    find_drafts,
    find_old_reports,
    find_unnamed_parts,
    find_work_folders,
    remove_leftovers,
)
from toplists.publish.retention import (
    plan_pruning,
    prune,
    remove_models,
    remove_snapshots,
    runs_with_old_models,
    runs_with_old_snapshots,
)


@dataclass(frozen=True)
class TableFiles:
    """What became of the files of a table; `left_alone` says why it was not compacted, if so."""

    table: str
    before: int
    after: int
    freed: Freed
    left_alone: str | None

    @property
    def changed(self) -> bool:
        """Whether there is anything to tell."""
        return self.before != self.after or bool(self.freed.files or self.left_alone)


def remove_expired(place: Workplace, *, dry_run: bool) -> dict[str, int]:
    """Apply retention by number and by age; how many of what went, or would go."""
    dataset, settings, now = place.dataset, place.settings.maintain, place.clock()
    keep_runs = place.settings.publish.keep_runs
    pointer = read_pointer(dataset)
    plan = plan_pruning(dataset, pointer, keep_runs=keep_runs)
    snapshots = runs_with_old_snapshots(dataset, pointer, keep=settings.snapshot_runs)
    models = runs_with_old_models(dataset, pointer, keep=settings.model_runs)
    if not dry_run:
        # First: later it could no longer be told from what is removed here, or its files are gone.
        take_back_unfinished(dataset, complete_loads(dataset))
        prune(dataset, pointer, keep_runs=keep_runs)
        remove_snapshots(dataset, snapshots)
        remove_models(dataset, models)
    live = [pointer.live.run_id] if pointer.live else []
    return {
        "runs": len(plan.runs),
        "models of runs that are gone": len({*plan.models, *plan.fits}),
        "snapshots": len(set(snapshots) - set(plan.runs)),
        "runs' models": len(set(models) - set(plan.runs)),
        "events": remove_old_events(dataset, days=settings.events_days, now=now, dry_run=dry_run),
        "rejected rows": remove_old_rejected(
            dataset, days=settings.rejected_days, now=now, dry_run=dry_run
        ),
        "rows of ledger and metrics": remove_old_ledger(
            dataset,
            days=settings.ledger_days,
            now=now,
            kept={*plan.kept, *live},
            dry_run=dry_run,
        ),
    }


def tend_tables(place: Workplace, *, dry_run: bool) -> Iterator[TableFiles]:
    """Compact and vacuum every table, one after the other."""
    for table in TABLES:
        yield _tend(place, table, dry_run=dry_run)


def _tend(place: Workplace, table: Table, *, dry_run: bool) -> TableFiles:
    dataset, settings = place.dataset, place.settings.maintain
    opened = DeltaTable(dataset.path(table))
    plan = plan_compaction(opened, table, settings.target_file_mb)
    left_alone = why_left_alone(opened)
    after = plan.files
    if left_alone is not None:
        return TableFiles(table.name, plan.files, after, Freed(0, 0), left_alone)
    if plan.needed and dry_run:
        after = plan.files - plan.small + 1  # at the best
    elif plan.needed:
        after = compact_table(dataset, table, plan, settings.target_file_mb)
    freed = vacuum_table(dataset, table, hours=settings.vacuum_hours, dry_run=dry_run)
    return TableFiles(table.name, plan.files, after, freed, None)


def clear_files(place: Workplace, *, logs: Path | None, dry_run: bool) -> Freed:
    """Remove work files and reports that nobody needs, drafts and old logs; the number of files and folders.

    The newest published runs keep their work files, and so does a run that is not published yet.
    """
    dataset, settings = place.dataset, place.settings.maintain
    pointer = read_pointer(dataset)
    kept = plan_pruning(dataset, pointer, keep_runs=place.settings.publish.keep_runs).kept
    published = pointer.runs_newest_first()
    wanted = kept - set(published[settings.work_runs :])
    paths = [
        *find_drafts(dataset),
        *find_work_folders(dataset, wanted=wanted),
        *find_old_reports(dataset, wanted=kept),
        *find_unnamed_parts(dataset, sorted(wanted)),
    ]
    if logs is not None:
        paths += find_old_logs(logs, days=settings.log_days, now=place.clock())
    freed = Freed(len(paths), bytes_in(paths))
    if not dry_run:
        remove_leftovers(paths)
    return freed
