"""ingest: take one source into `events`; refused rows go to `rejected_events`, each with its reasons.

What was taken in before adds nothing. With --redrive REASON no source is read: rows that were refused for
that reason are judged again, under the present settings.
"""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import (
    add_as_of,
    add_redrive,
    add_source,
    chosen_source,
    job_parser,
    run_job,
)
from toplists.pipeline.console import Narrator
from toplists.pipeline.nightly import begin_run, ingest_step, redrive_step
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Take the source in, or refused rows of a former one, and say which run comes next."""
    if arguments.redrive:
        redrive_step(place, narrator, arguments.redrive)
    else:
        ingest_step(place, narrator, chosen_source(arguments), 1, 1)
    run = begin_run(place, arguments.as_of)
    narrator.note(f"Next: prepare --dataset {place.dataset.name} --as-of {run.as_of}")


if __name__ == "__main__":
    parser = job_parser("ingest", "Take one source into the events.")
    inputs = parser.add_mutually_exclusive_group()
    add_source(inputs)
    add_redrive(inputs)
    add_as_of(parser, "the day after the newest event")
    leave(run_job(parser, work))
