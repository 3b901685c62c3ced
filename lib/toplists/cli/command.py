"""The `toplists` command: from arguments to an answer and an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from toplists.cli.arguments import CHARTED_RUNS, SHOWN_RUNS, build_parser
from toplists.errors import ConfigurationError, ToplistsError
from toplists.pipeline.failure import print_failure
from toplists.pipeline.screen import open_console
from toplists.reader import ListsUnavailableError
from toplists.reader.errors import SnapshotGoneError

if TYPE_CHECKING:
    from toplists.cli.sources import Source

# Without a terminal nothing is cut off or wrapped: what reads it wants whole values and lines.
_PLAIN_WIDTH = 10_000
_INTERRUPTED = 130
_FAULTS = 1


def main(
    argv: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO, *, now: datetime
) -> int:
    """Answer one command line.

    Args:
        argv: The arguments, without the command's own name.
        environ: The process environment.
        out: Where the answer goes.
        err: Where an error goes.
        now: The time that ages are counted to.

    Returns:
        The exit code.
    """
    arguments = build_parser().parse_args(argv)
    console = open_console(out, environ, plain_width=_PLAIN_WIDTH)
    try:
        return _answer(arguments, console, open_console(err, environ), environ, now)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (ToplistsError, ListsUnavailableError, SnapshotGoneError) as error:
        failure = error if isinstance(error, ToplistsError) else ToplistsError(str(error))
        print_failure(open_console(err, environ), failure)
        return failure.exit_code


def _answer(
    arguments: argparse.Namespace,
    console: Console,
    errors: Console,
    environ: Mapping[str, str],
    now: datetime,
) -> int:
    """Load what the command needs and no more: `show` has to be quick."""
    if arguments.command == "config":
        from toplists.cli.config import show_config
        from toplists.config.layers import find_conf

        show_config(console, find_conf(environ), arguments.env, arguments.set, arguments.overlay)
        return 0
    if arguments.command == "models":
        from toplists.cli.models import show_models
        from toplists.config.layers import find_conf

        show_models(console, arguments, find_conf(environ))
        return 0
    if arguments.command == "plan":
        from toplists.cli.plan import show_plan

        return 0 if show_plan(console, arguments, environ) else _FAULTS
    if arguments.command == "doctor":
        from toplists.cli.doctor import examine, show_findings

        findings = list(examine(arguments.env, arguments.set, arguments.lake, environ))
        return 0 if show_findings(console, findings) else _FAULTS
    from toplists.cli.places import (
        Place,
        choose_place,
        find_lake,
        find_places,
        find_settings,
    )

    def find_place() -> Place:
        lake = find_lake(arguments, environ)
        return choose_place(find_places(lake), arguments.dataset)

    of_lists = arguments.command in ("show", "history", "diff")
    if of_lists or getattr(arguments, "source", None) is not None:
        from toplists.cli.sources import find_source

        source = find_source(arguments, environ, find_place)
        _speak_of(source, arguments, console, errors, environ, now)
        return 0
    lake = find_lake(arguments, environ)
    places = find_places(lake)
    place = choose_place(places, arguments.dataset)
    if arguments.command == "status":
        if arguments.run is not None:
            from toplists.cli.run import show_run

            show_run(console, place, arguments.run)
        else:
            from toplists.cli.status import show_status

            counts = {
                "runs": arguments.runs or SHOWN_RUNS,
                "history": arguments.history or CHARTED_RUNS,
            }
            stores = [one.name for one in find_settings(arguments, environ).publish.stores]
            show_status(console, lake, places, place, stores, **counts, now=now)
        if arguments.max_age is not None:
            from toplists.cli.staleness import require_fresh

            watched = places if arguments.dataset is None else [place]
            require_fresh(watched, arguments, environ, errors, now)
    elif arguments.command == "check":
        from toplists.cli.check import show_check

        keep_runs = find_settings(arguments, environ).publish.keep_runs
        show_check(console, place.dataset, keep_runs, deep=arguments.deep, as_json=arguments.json)
    elif arguments.command == "report":
        from toplists.cli.report import show_report

        show_report(console, place.dataset, arguments.run_id, in_browser=arguments.open)
    elif arguments.command == "backfill":
        from toplists.cli.backfill import show_backfill

        show_backfill(console, place.dataset, find_settings(arguments, environ), arguments)
    elif arguments.command == "recbole":
        from toplists.cli.recbole import write_recbole

        write_recbole(console, place, arguments.folder)
    elif arguments.command == "export-model":
        from toplists.cli.export_model import export_model

        export_model(console, place, arguments.folder, arguments.run, now=now)
    else:
        from toplists.cli.rejected import show_rejected

        show_rejected(console, place, arguments.reason, arguments.load, arguments.examples)
    return 0


def _speak_of(
    source: Source,
    arguments: argparse.Namespace,
    console: Console,
    errors: Console,
    environ: Mapping[str, str],
    now: datetime,
) -> None:
    """Answer what can be asked of lists wherever they lie."""
    if arguments.command == "show":
        from toplists.cli.show import show_item, show_user

        show = show_user if arguments.kind == "user" else show_item
        show(console, source, arguments.id, arguments.n)
        return
    if arguments.command == "diff":
        from toplists.cli.diff import show_difference

        show_difference(
            console,
            source,
            (arguments.before, arguments.now),
            k=arguments.k,
            placement=arguments.placement,
            n=arguments.n,
            as_json=arguments.json,
        )
        return
    from toplists.cli.publications import show_publications, show_source

    if arguments.command == "history":
        show_publications(console, source, arguments.n, as_json=arguments.json, now=now)
        return
    for option in ("run", "runs", "history"):
        if getattr(arguments, option) is not None:
            raise ConfigurationError(
                f"--{option} speaks of runs in the lake: leave out --from, or --{option}."
            )
    show_source(console, source, now)
    if arguments.max_age is not None:
        from toplists.cli.staleness import require_fresh_source

        require_fresh_source(source, arguments, environ, errors, now)
