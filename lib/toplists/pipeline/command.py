"""A job's way from arguments to an exit code: settings, dataset, lease, work, and what a person sees."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from toplists.config.layers import resolve_settings
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError, ToplistsError
from toplists.ingest.source import Source, default_dataset_name, default_source, parse_source
from toplists.lake.dataset import Dataset, list_datasets
from toplists.lake.lease import hold_lease
from toplists.lake.ledger import utc_now
from toplists.lake.pointer import read_pointer
from toplists.lake.session import open_session
from toplists.pipeline.console import Narrator, open_narrator
from toplists.pipeline.log import log_path, start_log
from toplists.pipeline.process import end_with_parent
from toplists.pipeline.workplace import Workplace

CONF_DIR = Path(__file__).resolve().parents[3] / "conf"

_LOG = logging.getLogger(__name__)
_INTERRUPTED = 130

Work = Callable[[Workplace, Narrator, argparse.Namespace], None]


def job_parser(verb: str, purpose: str) -> argparse.ArgumentParser:
    """The parser of a job, with what every job takes."""
    parser = argparse.ArgumentParser(
        prog=f"./spark-submit.sh {verb}", description=purpose, allow_abbrev=False
    )
    parser.add_argument("--env", default="local", help="settings of conf/ENV.yaml (default: local)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable"
    )
    parser.add_argument(
        "--dataset",
        metavar="D",
        help="default: named after the source; for verbs without one, the dataset published last",
    )
    return parser


def add_source(parser: argparse.ArgumentParser) -> None:
    """`--source`: what to take in."""
    parser.add_argument(
        "--source",
        metavar="KIND:PATH",
        help="movielens:, csv: or parquet: and a path (default: the sample inside pyspark)",
    )


def add_as_of(parser: argparse.ArgumentParser, default: str) -> None:
    """`--as-of`: end of what is known."""
    parser.add_argument(
        "--as-of",
        type=_day,
        metavar="YYYY-MM-DD",
        help=f"everything before its 00:00 UTC is known (default: {default})",
    )


def add_cold(parser: argparse.ArgumentParser) -> None:
    """`--cold`: fits start from nothing."""
    parser.add_argument(
        "--cold", action="store_true", help="start no fit from the factors of an earlier run"
    )


def add_accept_input(parser: argparse.ArgumentParser) -> None:
    """`--accept-input`: somebody looked at an unusual input and says that it is right."""
    parser.add_argument(
        "--accept-input", action="store_true", help="go on although the input gate refuses"
    )


def add_run_id(parser: argparse.ArgumentParser) -> None:
    """`--run-id`: which run to go on with."""
    parser.add_argument("--run-id", metavar="RUN", help="default: the run prepared last")


def run_job(parser: argparse.ArgumentParser, work: Work, argv: Sequence[str] | None = None) -> int:
    """Parse, take the lease, work, and turn whatever happens into an exit code and a sentence."""
    arguments = parser.parse_args(argv)
    narrator = open_narrator(os.environ, sys.stdout, sys.stderr)
    log = log_path(os.environ)
    if log is not None:
        start_log(log)
    end_with_parent()
    try:
        settings = resolve_settings(CONF_DIR, arguments.env, arguments.set).settings
        dataset = _choose_dataset(settings, arguments)
        accept = getattr(arguments, "accept_input", False)
        _work_on(
            dataset,
            settings,
            parser.prog,
            lambda place: work(place, narrator, arguments),
            accept_input=accept,
        )
    except ToplistsError as error:
        _LOG.info("refused", exc_info=True)
        narrator.failure(error, log)
        return error.exit_code
    except KeyboardInterrupt as error:
        narrator.failure(error, log)
        return _INTERRUPTED
    except Exception as error:  # the last resort of a program: log all, show one paragraph
        _LOG.exception("failed")
        narrator.failure(error, log)
        return ToplistsError.exit_code
    return 0


def chosen_source(arguments: argparse.Namespace) -> Source:
    """The source that was named, or the sample."""
    return parse_source(arguments.source) if arguments.source else default_source()


def _work_on(
    dataset: Dataset,
    settings: Settings,
    command: str,
    work: Callable[[Workplace], None],
    *,
    accept_input: bool,
) -> None:
    with hold_lease(dataset, command, wait_seconds=settings.lake.lease_seconds) as lease:
        work(
            Workplace(
                settings=settings,
                dataset=dataset,
                lease=lease,
                clock=utc_now,
                start_session=lambda: open_session(f"toplists {dataset.name}"),
                accept_input=accept_input,
            )
        )


def _choose_dataset(settings: Settings, arguments: argparse.Namespace) -> Dataset:
    root = settings.lake.root
    if arguments.dataset:
        name = arguments.dataset
        if not hasattr(arguments, "source") and not Dataset.open(root, name).exists():
            known = ", ".join(dataset.name for dataset in list_datasets(root)) or "none yet"
            raise ConfigurationError(f"There is no dataset {name!r}. Datasets: {known}.")
        return Dataset.open(root, name)
    if hasattr(arguments, "source"):
        return Dataset.open(root, default_dataset_name(chosen_source(arguments)))
    return _latest_dataset(root)


def _latest_dataset(root: str) -> Dataset:
    """The dataset published last; where nothing is published, the only one."""
    datasets = list_datasets(root)
    published = [
        (live.published_at, dataset)
        for dataset in datasets
        if (live := read_pointer(dataset).live) is not None
    ]
    if published:
        return max(published, key=lambda pair: pair[0])[1]
    if len(datasets) == 1:
        return datasets[0]
    known = ", ".join(dataset.name for dataset in datasets) or "none yet"
    raise ConfigurationError(f"Which dataset? Name one with --dataset. Datasets: {known}.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-01-31") from None
