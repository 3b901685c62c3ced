"""rollback: make an earlier publication live again; one row in `publications`, nothing is computed."""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.process import leave
from toplists.pipeline.steps.rollback import rollback_step
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Flip the pointer back."""
    rollback_step(place, narrator, to=arguments.to, mark_bad=arguments.mark_bad)


if __name__ == "__main__":
    parser = job_parser("rollback", "Make an earlier publication live again.")
    parser.add_argument("--to", metavar="RUN", help="default: the publication before the live one")
    parser.add_argument(
        "--mark-bad",
        action="store_true",
        help="never publish or compare with the present run again",
    )
    leave(run_job(parser, work))
