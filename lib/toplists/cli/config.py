"""`toplists config`: every setting with its value, where that comes from, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from toplists.config.layers import (
    DEFAULT_ORIGIN,
    SettingLine,
    describe_settings,
    resolve_settings,
)
from toplists.pipeline.screen import printable

_USUAL = (DEFAULT_ORIGIN, "conf/base.yaml")


def show_config(
    console: Console, conf: Path, env: str, overrides: Sequence[str], overlays: Sequence[Path]
) -> None:
    """Print the resolved settings, grouped as they are in the YAML files of the folder `conf`."""
    print_settings(console, describe_settings(resolve_settings(conf, env, overrides, overlays)))


def print_settings(console: Console, lines: Iterable[SettingLine]) -> None:
    """Print settings under the names of their groups: value, where that comes from, and meaning."""
    for group, members in groupby(lines, key=lambda line: line.key.rpartition(".")[0]):
        console.print(Text(group, style="bold cyan"))
        for line in members:
            _print_setting(console, line)
        console.print()


def _print_setting(console: Console, line: SettingLine) -> None:
    name = line.key.rpartition(".")[2]
    changed = not line.origin.startswith(_USUAL)
    console.print(
        Text.assemble(
            f"  {name} = ",
            (printable(line.value), "bold" if changed else ""),
            (f"   ({printable(line.origin)})", "green" if changed else "dim"),
        )
    )
    about = Text(f"{line.meaning} Allowed: {line.allowed}.", style="dim")
    for part in about.wrap(console, max(console.width - 6, 20)):
        console.print(Text("      ") + part)
