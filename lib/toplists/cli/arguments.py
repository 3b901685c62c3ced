"""What can be asked of the `toplists` command."""

from __future__ import annotations

import argparse

_EPILOG = "Jobs that write (nightly, publish, rollback, ...) are started by ./spark-submit.sh."


def build_parser() -> argparse.ArgumentParser:
    """The parser; a parsed command has its name in `command`, and for `show` its `kind`."""
    parser = argparse.ArgumentParser(
        prog="toplists", description="Look at published recommendation lists.", epilog=_EPILOG
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    settings = _settings_options()
    place = _place_options(settings)

    status = commands.add_parser(
        "status", parents=[place], help="datasets, what is live, how fresh, last runs"
    )
    status.add_argument(
        "--runs", type=_count, default=5, metavar="N", help="runs to show (default: 5)"
    )

    show = commands.add_parser("show", help="the list of one user, or the items like one item")
    kinds = show.add_subparsers(dest="kind", required=True, metavar="user|item")
    user = kinds.add_parser("user", parents=[place], help="a user's history and list")
    item = kinds.add_parser("item", parents=[place], help="items like an item")
    for kind in (user, item):
        kind.add_argument("id", metavar="ID", help="id as it came in; after -- if it begins with -")
        kind.add_argument(
            "--n", type=_count, default=10, metavar="N", help="lines to show (default: 10)"
        )

    commands.add_parser(
        "config", parents=[settings], help="every setting: value, where it comes from, meaning"
    )
    return parser


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


def _place_options(settings: argparse.ArgumentParser) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, parents=[settings])
    options.add_argument("--dataset", metavar="D", help="default: the one published last")
    options.add_argument("--lake", metavar="PATH", help="default: the setting lake.root")
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
