"""Looking after a dataset's tables, told step by step and noted in the ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from toplists.lake.ledger import Outcome
from toplists.pipeline.console import Narrator
from toplists.pipeline.identity import identify_maintenance
from toplists.pipeline.recording import record
from toplists.pipeline.steps.maintain import clear_files, remove_expired, tend_tables
from toplists.pipeline.workplace import Workplace

_MIB = 2**20


def maintain(place: Workplace, narrator: Narrator, *, logs: Path | None, dry_run: bool) -> None:
    """Maintain the dataset, say what was done, and note it in the ledger; or only say what would be.

    Args:
        place: The workplace.
        narrator: Who is told.
        logs: The folder with log files of invocations, if there is one.
        dry_run: Whether to write nothing.
    """
    if dry_run:
        _maintain(place, narrator, logs, dry_run=True)
        narrator.note("Nothing was changed (--dry-run); the figures say what would be.")
        return
    entry = identify_maintenance(place.clock(), place.settings)
    record(place.ledger, entry, "maintain", lambda: _maintain(place, narrator, logs, dry_run=False))


def _maintain(place: Workplace, narrator: Narrator, logs: Path | None, *, dry_run: bool) -> Outcome:
    with narrator.step(1, 3, "retention") as step:
        gone = remove_expired(place, dry_run=dry_run)
        removed = ", ".join(f"{count:,} {what}" for what, count in gone.items() if count)
        step.detail(f"removed: {removed or 'nothing'}")
    with narrator.step(2, 3, "tables") as step:
        tended = list(tend_tables(place, dry_run=dry_run))
        before, after = sum(one.before for one in tended), sum(one.after for one in tended)
        freed = sum(one.freed.bytes for one in tended)
        step.detail(f"{before:,} files became {after:,}, {freed / _MIB:,.1f} MiB freed")
    with narrator.step(3, 3, "files") as step:
        cleared = clear_files(place, logs=logs, dry_run=dry_run)
        step.detail(f"{cleared.files:,} leftovers removed, {cleared.bytes / _MIB:,.1f} MiB freed")
    for one in tended:
        if one.left_alone is not None:
            narrator.warning(f"{one.table} was left alone: it {one.left_alone}.")
        elif one.changed:
            narrator.note(
                f"{one.table}: {one.before:,} files became {one.after:,}; {one.freed.files:,} old ones "
                f"deleted, {one.freed.bytes / _MIB:,.1f} MiB"
            )
    return Outcome(
        detail=f"removed: {removed or 'nothing'}; {before:,} files became {after:,}",
        facts={
            "removed": gone,
            "tables": {one.table: asdict(one) for one in tended if one.changed},
            "leftovers": asdict(cleared),
        },
    )
