"""What can be asked of the `toplists` command."""

from __future__ import annotations

import argparse
import math
import re
from datetime import date, timedelta
from pathlib import Path

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
SHOWN_RUNS, CHARTED_RUNS = 5, 14
"""How many runs `status` shows, unless it is told otherwise."""

_EPILOG = "Jobs that write (nightly, publish, rollback, ...) are started by ./spark-submit.sh."


def build_parser() -> argparse.ArgumentParser:
    """The parser; a parsed command has its name in `command`, and for `show` its `kind`."""
    parser = argparse.ArgumentParser(
        prog="toplists", description="Look at published recommendation lists.", epilog=_EPILOG
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    settings = _settings_options()
    lake = _lake_options(settings)
    place = _place_options(lake)

    status = commands.add_parser(
        "status", parents=[place], help="datasets, what is live, how fresh, last runs"
    )
    status.add_argument(
        "--runs", type=_count, metavar="N", help=f"runs to show (default: {SHOWN_RUNS})"
    )
    status.add_argument(
        "--history", type=_count, metavar="N", help=f"runs to chart (default: {CHARTED_RUNS})"
    )
    status.add_argument("--run", metavar="RUN", help="only this run: its attempts, what it ran on")
    status.add_argument(
        "--max-age",
        type=_duration,
        metavar="AGE",
        help="exit with 7, and tell watch.webhook, if live lists are older, such as 90m, 26h or 2d",
    )

    _add_source(status)

    history = commands.add_parser(
        "history", parents=[place], help="what was published and rolled back, newest first"
    )
    history.add_argument(
        "--n", type=_count, default=20, metavar="N", help="publications to show (default: 20)"
    )
    history.add_argument("--json", action="store_true", help="the same as JSON")
    _add_source(history)

    show = commands.add_parser("show", help="the list of one user, or the items like one item")
    kinds = show.add_subparsers(dest="kind", required=True, metavar="user|item")
    user = kinds.add_parser("user", parents=[place], help="a user's history and list")
    item = kinds.add_parser("item", parents=[place], help="items like an item")
    for kind in (user, item):
        _add_source(kind)
        kind.add_argument("id", metavar="ID", help="id as it came in; after -- if it begins with -")
        kind.add_argument(
            "--n", type=_count, default=10, metavar="N", help="lines to show (default: 10)"
        )

    diff = commands.add_parser(
        "diff", parents=[place], help="how the lists of two runs differ, published or not"
    )
    _add_source(diff)
    diff.add_argument("before", metavar="RUN1", help="the earlier run")
    diff.add_argument("now", metavar="RUN2", help="the later run")
    diff.add_argument(
        "--k", type=_count, default=10, metavar="K", help="places that count (default: 10)"
    )
    diff.add_argument(
        "--placement", default="default", metavar="P", help="which lists (default: default)"
    )
    diff.add_argument(
        "--n", type=_count, default=10, metavar="N", help="items to name (default: 10)"
    )
    diff.add_argument("--json", action="store_true", help="all of it as JSON")

    rejected = commands.add_parser(
        "rejected", parents=[place], help="rows that were refused, by reason, with examples"
    )
    rejected.add_argument("--reason", metavar="CODE", help="only rows refused for this reason")
    rejected.add_argument("--load", metavar="ID", help="only rows of this load")
    rejected.add_argument(
        "--examples", type=_count, default=3, metavar="N", help="rows per reason (default: 3)"
    )

    report = commands.add_parser(
        "report", parents=[place], help="where the report of the run judged last lies"
    )
    report.add_argument("--run-id", metavar="RUN", help="default: the run judged last")
    report.add_argument("--open", action="store_true", help="open it in a browser, too")

    commands.add_parser(
        "doctor", parents=[lake], help="whether a night can run here, with a remedy for each fault"
    )
    check = commands.add_parser(
        "check", parents=[place], help="whether all that must be true of a dataset is"
    )
    check.add_argument(
        "--deep", action="store_true", help="every stored run and event, not only the live run"
    )
    check.add_argument("--json", action="store_true", help="the findings as JSON")
    recbole = commands.add_parser(
        "recbole", parents=[place], help="write a live run as RecBole's .inter, .item and .user"
    )
    recbole.add_argument("folder", type=Path, metavar="DIR", help="folder to write to")

    export = commands.add_parser(
        "export-model", parents=[place], help="write a run's vectors as a model that MLlib opens"
    )
    export.add_argument("--run", metavar="RUN", help="default: the live run")
    export.add_argument("folder", type=Path, metavar="DIR", help="folder to write, not there yet")

    backfill = commands.add_parser(
        "backfill",
        parents=[place],
        help="what a range of days would take: what is there, what remains; writes nothing",
    )
    backfill.add_argument("first", type=_day, metavar="FIRST", help="first day (as_of), YYYY-MM-DD")
    backfill.add_argument("last", type=_day, metavar="LAST", help="last day")
    backfill.add_argument(
        "--move-pointer", action="store_true", help="publish each day that nothing newer is live of"
    )
    backfill.add_argument(
        "--again",
        action="store_true",
        help="compute finished days anew if more was loaded since (default: they are done)",
    )
    backfill.add_argument("--json", action="store_true", help="the plan as JSON")

    plan = commands.add_parser(
        "plan", parents=[settings], help="memory, traffic and time of a fit; whether it fits"
    )
    for name in ("users", "items", "events"):
        plan.add_argument(
            f"--{name}", type=_amount, required=True, metavar="N", help="how many, such as 5e6"
        )
    plan.add_argument("--rank", type=_count, metavar="K", help="default: that of the settings")
    plan.add_argument(
        "--executors", type=_count, default=1, metavar="N", help="one per machine (default: 1)"
    )
    plan.add_argument(
        "--cores", type=_count, default=4, metavar="N", help="of each executor (default: 4)"
    )
    plan.add_argument(
        "--memory",
        type=_count,
        metavar="GIB",
        help="of each machine (default: engine.node_memory_gb, else 32)",
    )

    models = commands.add_parser(
        "models", parents=[settings], help="the models there are, or all about one"
    )
    models.add_argument("name", nargs="?", metavar="NAME", help="only this one, with its settings")
    models.add_argument(
        "--all", action="store_true", help="all of them with what they take, source and settings"
    )
    models.add_argument(
        "--json", action="store_true", help="all of that as JSON, by default settings"
    )

    config = commands.add_parser(
        "config", parents=[settings], help="every setting: value, where it comes from, meaning"
    )
    config.add_argument(
        "--overlay",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="settings from a YAML file, between those of --env and --set; may be repeated",
    )
    return parser


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from",
        dest="source",
        metavar="STORE|ADDRESS",
        help="what readers see there (a store of publish.stores by its name, or delta:FOLDER, postgresql://..., "
        "redis://..., files:PATH) instead of in the lake; beside an address, titles and earlier publications "
        "come from the dataset that --dataset names",
    )


def _settings_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--env", default="local", help="use the settings of conf/ENV.yaml (default: local)"
    )
    options.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting; may be repeated",
    )
    return options


def _lake_options(settings: argparse.ArgumentParser) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, parents=[settings])
    options.add_argument("--lake", metavar="PATH", help="default: the setting lake.root")
    return options


def _place_options(lake: argparse.ArgumentParser) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, parents=[lake])
    options.add_argument("--dataset", metavar="D", help="default: the one published last")
    return options


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age, such as 90m, 26h or 2d")
    return int(found[1]) * _UNITS[found[2]]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-01-31") from None


def _amount(text: str) -> int:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not (1 <= amount < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on, such as 50e6")
    return int(amount)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
