"""publish: make an evaluated run live for all published tables at once, in the stores, too; prune old runs."""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import add_as_of, add_run_id, job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.nightly import find_run, publish_everywhere
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Flip the pointer."""
    run = find_run(place, arguments.as_of, arguments.run_id)
    publish_everywhere(
        place,
        narrator,
        run,
        force=arguments.force,
        if_newest=arguments.if_newest,
        export=not arguments.no_export,
    )


if __name__ == "__main__":
    parser = job_parser("publish", "Make an evaluated run live, for all lists at once.")
    add_as_of(parser, "that of the run prepared last")
    add_run_id(parser)
    older = parser.add_mutually_exclusive_group()
    older.add_argument(
        "--force", action="store_true", help="publish although a newer as_of is live"
    )
    older.add_argument(
        "--if-newest",
        action="store_true",
        help="where a newer as_of is live, leave it, and end with 0 all the same",
    )
    parser.add_argument(
        "--no-export", action="store_true", help="leave the stores to ./spark-submit.sh export"
    )
    leave(run_job(parser, work))
