"""prepare: freeze everything known at `as_of` into a new run's snapshot (`interactions`)."""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import add_accept_input, add_as_of, add_cold, job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.nightly import begin_run, perform
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Begin the run over what is loaded."""
    run = begin_run(place, arguments.as_of, cold=arguments.cold)
    perform(place, narrator, run, "prepare")
    narrator.note(f"Run {run.run_id} is prepared.")


if __name__ == "__main__":
    parser = job_parser("prepare", "Freeze what is known at as_of into a new run's snapshot.")
    add_as_of(parser, "the day after the newest event")
    add_accept_input(parser)
    add_cold(parser)
    leave(run_job(parser, work))
