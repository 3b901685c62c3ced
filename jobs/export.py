"""export: bring the live run to the stores of `publish.stores`; one that fails keeps what it had (exit 6)."""

from __future__ import annotations

from argparse import Namespace

from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.process import leave
from toplists.pipeline.steps.export import export_step
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Bring the stores up to date."""
    export_step(place, narrator, resume=arguments.resume, only=arguments.store)


if __name__ == "__main__":
    parser = job_parser("export", "Bring the live run to the stores of publish.stores.")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with what an earlier attempt has loaded, instead of loading it again",
    )
    parser.add_argument(
        "--store",
        action="append",
        default=[],
        metavar="NAME",
        help="only this store; repeatable (default: all, in turn)",
    )
    leave(run_job(parser, work))
