"""nightly: take in, prepare, train, recommend, evaluate and publish, in one Spark session.

Input: one source of ratings, clicks or purchases. Output: the published tables of a dataset, live for
all readers at once, or (exit 3) untouched. What is done already is not repeated.
"""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import (
    add_accept_input,
    add_as_of,
    add_cold,
    add_source,
    chosen_source,
    job_parser,
    run_job,
)
from toplists.pipeline.console import Narrator
from toplists.pipeline.nightly import NightlyOptions, nightly
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Do the whole night."""
    options = NightlyOptions(
        source=chosen_source(arguments),
        as_of=arguments.as_of,
        publish=not arguments.no_publish,
        force=arguments.force,
        cold=arguments.cold,
    )
    nightly(place, narrator, options)


if __name__ == "__main__":
    parser = job_parser("nightly", "From a source to published lists, all at once or not at all.")
    add_source(parser)
    add_as_of(parser, "the day after the newest event")
    parser.add_argument("--no-publish", action="store_true", help="stop before publish")
    parser.add_argument(
        "--force", action="store_true", help="publish although a newer as_of is live"
    )
    add_accept_input(parser)
    add_cold(parser)
    leave(run_job(parser, work))
