"""A job's way from arguments to an exit code: settings, dataset, lease, work, and what a person sees."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import get_args

from toplists.config.layers import find_conf, resolve_settings
from toplists.config.protocol_names import Protocol, parse_protocol
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError, ToplistsError
from toplists.ingest.source import Source, default_dataset_name, default_source, parse_source
from toplists.lake.dataset import Dataset, list_datasets
from toplists.lake.lease import hold_lease
from toplists.lake.ledger import utc_now
from toplists.lake.pointer import read_pointer
from toplists.lake.session import open_session
from toplists.lake.version import require_present
from toplists.pipeline.console import Narrator, open_narrator
from toplists.pipeline.failure import exit_code_of
from toplists.pipeline.json_display import open_json_narrator
from toplists.pipeline.log import LogFormat, Whereabouts, log_path, start_log
from toplists.pipeline.process import end_with_parent
from toplists.pipeline.watching.account import add_figures, describe_end
from toplists.pipeline.watching.surroundings import describe_surroundings
from toplists.pipeline.watching.telling import clear_result, tell, write_result
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)

Work = Callable[[Workplace, Narrator, argparse.Namespace], None]
Opening = Callable[[Path], None]


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
        "--overlay",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="settings from a YAML file, such as tune's best.yaml, between those of --env and --set; "
        "repeatable",
    )
    parser.add_argument(
        "--dataset",
        metavar="D",
        help="default: named after the source; for verbs without one, the dataset published last",
    )
    parser.add_argument(
        "--log-format",
        choices=get_args(LogFormat),
        default="text",
        help="json: the steps and the log as one JSON object per line (default: text)",
    )
    parser.add_argument(
        "--result-file",
        type=Path,
        metavar="PATH",
        help="write how it ended to this file, as JSON",
    )
    return parser


def add_source(parser: argparse._ActionsContainer) -> None:
    """`--source`: what to take in."""
    parser.add_argument(
        "--source",
        metavar="KIND:PATH",
        help="movielens:, csv:, tsv:, jsonl:, parquet:, delta:, netflix: or recbole: and a path, or "
        "movielens:latest-small (default: the sample inside pyspark)",
    )


def add_redrive(parser: argparse._ActionsContainer) -> None:
    """`--redrive`: refused rows instead of a source."""
    parser.add_argument(
        "--redrive",
        metavar="REASON",
        help="instead of a source: rows that were refused for this reason (its code), judged again",
    )


def add_as_of(parser: argparse.ArgumentParser, default: str) -> None:
    """`--as-of`: end of what is known."""
    parser.add_argument(
        "--as-of",
        type=_day,
        metavar="YYYY-MM-DD",
        help=f"everything before its 00:00 UTC is known (default: {default})",
    )


def add_protocol(parser: argparse.ArgumentParser) -> None:
    """`--protocol`: what is held out."""
    parser.add_argument(
        "--protocol",
        type=_protocol,
        default="last(5)",
        help="what is held out, as loo, last(5), days(30), kfold(5): docs/protocols.md (default: last(5))",
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


def run_job(
    parser: argparse.ArgumentParser,
    work: Work,
    argv: Sequence[str] | None = None,
    *,
    opens: Opening = require_present,
) -> int:
    """Parse, take the lease, work, and turn whatever happens into an exit code and a sentence.

    Whoever watches is told afterwards, when the lease is free again. `opens` refuses the folder of a
    dataset whose tables the work cannot deal with.
    """
    arguments = parser.parse_args(argv)
    began = utc_now()
    where = Whereabouts(dataset=arguments.dataset)
    narrator = _open_narrator(arguments, where)
    log = log_path(os.environ)
    if log is not None:
        start_log(log, arguments.log_format, where)
    end_with_parent()
    job = _Job(parser.prog, arguments, narrator)
    error = job.do(work, opens)
    if error is not None:
        _record_end(error)
        narrator.failure(error, log)
    try:
        job.tell(error, began)
    except ConfigurationError as unusable:
        narrator.warning(str(unusable))
        return exit_code_of(error or unusable)
    return 0 if error is None else exit_code_of(error)


class _Job:
    """One command: what it was asked for, and how far it got."""

    def __init__(self, command: str, arguments: argparse.Namespace, narrator: Narrator) -> None:
        self._command = command
        self._arguments = arguments
        self._narrator = narrator
        self._result_file: Path | None = None
        self._settings: Settings | None = None
        self._dataset: Dataset | None = None

    def do(self, work: Work, opens: Opening) -> BaseException | None:
        """Do the work; whatever ends it early is returned."""
        arguments, narrator = self._arguments, self._narrator
        try:
            if arguments.result_file is not None:
                clear_result(arguments.result_file)
                self._result_file = arguments.result_file
            conf = find_conf(os.environ)
            self._settings = resolve_settings(
                conf, arguments.env, arguments.set, arguments.overlay
            ).settings
            self._dataset = _choose_dataset(self._settings, arguments)
            narrator.where.dataset = self._dataset.name
            _work_on(
                self._dataset,
                self._settings,
                self._command,
                lambda place: work(place, narrator, arguments),
                opens,
                accept_input=getattr(arguments, "accept_input", False),
            )
        except (Exception, KeyboardInterrupt) as error:  # the last resort of a program
            return error
        return None

    def tell(self, error: BaseException | None, began: datetime) -> None:
        """Tell whoever watches how it ended.

        Raises:
            ConfigurationError: the result file cannot be written.
        """
        if self._result_file is None and self._settings is None:
            return
        narrator, dataset = self._narrator, self._dataset
        report = describe_end(
            self._command.rpartition(" ")[2],
            dataset.name if dataset else None,
            error,
            began=began,
            ended=utc_now(),
            run_id=narrator.where.run_id,
            steps=narrator.steps,
        )
        if dataset is not None and dataset.exists():
            try:
                report = add_figures(report, dataset)
            except Exception:  # what was done stays done, whatever became of the tables since
                _LOG.exception("the figures were not read")
                narrator.warning("The figures of this command could not be read; see the log.")
        if self._result_file is not None:
            write_result(self._result_file, report)
        if self._settings is not None:
            tell(report, dataset, self._settings.watch, os.environ, narrator.warning)


def _open_narrator(arguments: argparse.Namespace, where: Whereabouts) -> Narrator:
    if arguments.log_format == "json":
        return open_json_narrator(sys.stdout, where)
    return open_narrator(os.environ, sys.stdout, sys.stderr)


def _record_end(error: BaseException) -> None:
    """Put the stack trace into the log; a person sees one paragraph only."""
    expected = isinstance(error, (ToplistsError, KeyboardInterrupt))
    _LOG.log(
        logging.INFO if expected else logging.ERROR,
        "ended early" if expected else "failed",
        exc_info=error,
    )


def chosen_source(arguments: argparse.Namespace) -> Source:
    """The source that was named, or the sample."""
    return parse_source(arguments.source) if arguments.source else default_source()


def _work_on(
    dataset: Dataset,
    settings: Settings,
    command: str,
    work: Callable[[Workplace], None],
    opens: Opening,
    *,
    accept_input: bool,
) -> None:
    with hold_lease(dataset, command, wait_seconds=settings.lake.lease_seconds) as lease:
        if dataset.exists():
            opens(dataset.root)
        work(
            Workplace(
                settings=settings,
                dataset=dataset,
                lease=lease,
                clock=utc_now,
                start_session=lambda: open_session(f"toplists {dataset.name}"),
                accept_input=accept_input,
                surroundings=cache(lambda: describe_surroundings(dataset.root, os.environ)),
            )
        )


def _choose_dataset(settings: Settings, arguments: argparse.Namespace) -> Dataset:
    root = settings.lake.root
    has_source = hasattr(arguments, "source") and not getattr(arguments, "redrive", None)
    if arguments.dataset:
        name = arguments.dataset
        if not has_source and not Dataset.open(root, name).exists():
            known = ", ".join(dataset.name for dataset in list_datasets(root)) or "none yet"
            raise ConfigurationError(f"There is no dataset {name!r}. Datasets: {known}.")
        return Dataset.open(root, name)
    if has_source:
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


def _protocol(text: str) -> Protocol:
    try:
        return parse_protocol(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-01-31") from None
