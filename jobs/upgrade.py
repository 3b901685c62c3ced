"""upgrade: bring a dataset of an earlier release to this one's tables; its lists stay as they are."""

from __future__ import annotations

from argparse import Namespace

from toplists.ingest.recovery import complete_loads, take_back_unfinished
from toplists.lake.upgrade import plan_upgrade
from toplists.lake.version import require_not_newer
from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Make or list the changes."""
    if not arguments.dry_run:
        # Taking it back later would take back what is changed here, too.
        take_back_unfinished(place.dataset, complete_loads(place.dataset))
    changes = plan_upgrade(place.dataset)
    name = place.dataset.name
    with narrator.step(1, 1, "upgrade") as step:
        step.detail(f"{name} is of this release already")
        for change in changes:
            if not arguments.dry_run:
                change.make()
        if changes:
            made = "would be made" if arguments.dry_run else "made"
            step.detail(f"{len(changes)} changes {made} to {name}")
    for change in changes:
        narrator.note(change.sentence)


if __name__ == "__main__":
    parser = job_parser("upgrade", "Bring a dataset of an earlier release to this one's tables.")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be changed")
    leave(run_job(parser, work, opens=require_not_newer))
