"""`toplists doctor`: whether a night could run here, with a remedy for each fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toplists.cli.examination import (
    Finding,
    examine_exchange,
    examine_leases,
    examine_machine,
    examine_settings,
    examine_storage,
    examine_versions,
    examine_watch,
)
from toplists.config.layers import find_conf, resolve_settings
from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset
from toplists.pipeline.screen import printable

# Of the checkout, whatever settings are read.
_SPARK_CONF = Path(__file__).resolve().parents[3] / "conf" / "spark"


def examine(
    env: str, overrides: Sequence[str], lake: str | None, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Every finding, in the order in which faults are best removed.

    Args:
        env: The environment.
        overrides: `key=value` of `--set`.
        lake: Folder of the lake, instead of the one in the settings.
        environ: The process environment.
    """
    yield from examine_machine(environ, _SPARK_CONF / f"{env}.conf")
    try:
        settings = resolve_settings(find_conf(environ), env, overrides).settings
        root = lake or settings.lake.root
        Dataset.open(root, "any")  # refuses what is no folder
    except ConfigurationError as error:
        yield examine_settings(error, env)
        return
    yield examine_settings(None, env)
    yield from examine_storage(Path(root.removeprefix("file://")))
    yield from examine_exchange(settings.engine.exchange)
    yield from examine_versions(root)
    yield from examine_leases(root)
    yield from examine_watch(settings.watch, environ)


def show_findings(console: Console, findings: Sequence[Finding]) -> bool:
    """Print the findings; returns whether there is no fault."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    unicode = console.encoding.lower().startswith("utf")
    for finding in findings:
        mark, style = ("✓" if unicode else "ok", "green") if finding.well else ("✗", "red")
        mark = mark if unicode or finding.well else "fault"
        table.add_row(Text(mark, style=style), finding.subject, Text(printable(finding.said)))
        if finding.remedy is not None:
            table.add_row("", "", Text(printable(finding.remedy), style="yellow"))
    console.print(table)
    faults = sum(not finding.well for finding in findings)
    console.print()
    if faults:
        said = f"{faults} fault{'' if faults == 1 else 's'}."
        console.print(Text(said, style="bold red"))
    else:
        console.print(Text("A night can run here.", style="bold green"))
    return not faults
