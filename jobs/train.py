"""train: fit the run's models and save them under their model ids."""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import add_as_of, add_run_id, job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.nightly import find_run, perform
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Go on with a prepared run."""
    perform(place, narrator, find_run(place, arguments.as_of, arguments.run_id), "train")


if __name__ == "__main__":
    parser = job_parser("train", "Fit the run's models, for evaluation and for publication.")
    add_as_of(parser, "that of the run prepared last")
    add_run_id(parser)
    leave(run_job(parser, work))
