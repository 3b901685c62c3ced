"""maintain: remove what is beyond retention, compact small files, delete files nobody needs."""

from __future__ import annotations

import os
from argparse import Namespace

from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.log import log_path
from toplists.pipeline.process import leave
from toplists.pipeline.steps.maintain import clear_files, remove_expired, tend_tables
from toplists.pipeline.workplace import Workplace

_MIB = 2**20


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Maintain the dataset, and say what was done."""
    dry_run, log = arguments.dry_run, log_path(os.environ)
    with narrator.step(1, 3, "retention") as step:
        gone = remove_expired(place, dry_run=dry_run)
        said = [f"{count:,} {what}" for what, count in gone.items() if count]
        step.detail(f"removed: {', '.join(said) or 'nothing'}")
    with narrator.step(2, 3, "tables") as step:
        tended = list(tend_tables(place, dry_run=dry_run))
        before, after = sum(one.before for one in tended), sum(one.after for one in tended)
        freed = sum(one.freed.bytes for one in tended)
        step.detail(f"{before:,} files became {after:,}, {freed / _MIB:,.1f} MiB freed")
    with narrator.step(3, 3, "files") as step:
        cleared = clear_files(place, logs=log.parent if log else None, dry_run=dry_run)
        step.detail(f"{cleared.files:,} leftovers removed, {cleared.bytes / _MIB:,.1f} MiB freed")
    for one in tended:
        if one.left_alone is not None:
            narrator.warning(f"{one.table} was left alone: it {one.left_alone}.")
        elif one.changed:
            narrator.note(
                f"{one.table}: {one.before:,} files became {one.after:,}; {one.freed.files:,} old ones "
                f"deleted, {one.freed.bytes / _MIB:,.1f} MiB"
            )
    if dry_run:
        narrator.note("Nothing was changed (--dry-run); the figures say what would be.")


if __name__ == "__main__":
    parser = job_parser("maintain", "Retention, compaction and removal of files nobody needs.")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    leave(run_job(parser, work))
