"""maintain: remove what is beyond retention, compact small files, delete files nobody needs."""

from __future__ import annotations

import os
from argparse import Namespace

from toplists.pipeline.command import job_parser, run_job
from toplists.pipeline.console import Narrator
from toplists.pipeline.log import log_path
from toplists.pipeline.maintenance import maintain
from toplists.pipeline.process import leave
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Maintain the dataset."""
    log = log_path(os.environ)
    maintain(place, narrator, logs=log.parent if log else None, dry_run=arguments.dry_run)


if __name__ == "__main__":
    parser = job_parser("maintain", "Retention, compaction and removal of files nobody needs.")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    leave(run_job(parser, work))
