"""`toplists check`: whether all that must be true of a dataset is, one line for each invariant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toplists.errors import ToplistsError
from toplists.lake.dataset import Dataset
from toplists.pipeline.invariants.check import check_dataset
from toplists.pipeline.invariants.finding import Finding, State
from toplists.pipeline.screen import printable

_MARKS: dict[State, tuple[str, str]] = {
    "holds": ("✓", "green"),
    "warning": ("!", "yellow"),
    "broken": ("✗", "bold red"),
}


def show_check(
    console: Console, dataset: Dataset, keep_runs: int, *, deep: bool, as_json: bool
) -> None:
    """Check `dataset` and print what was found.

    Raises:
        ToplistsError: something does not hold.
    """
    findings = check_dataset(dataset, keep_runs=keep_runs, deep=deep)
    if as_json:
        console.print(_as_json(dataset, findings), soft_wrap=True)
    else:
        _print_findings(console, findings)
    broken = sum(finding.state == "broken" for finding in findings)
    if broken:
        raise ToplistsError(
            f"{broken} of {len(findings)} invariants do not hold in dataset {dataset.name}."
        )


def _as_json(dataset: Dataset, findings: Sequence[Finding]) -> str:
    said = {"dataset": dataset.name, "findings": [asdict(finding) for finding in findings]}
    return json.dumps(said, indent=2)


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.state]
        table.add_row(
            Text(mark, style=style), Text(finding.name, style="bold"), printable(finding.figures)
        )
        if finding.remedy is not None:
            table.add_row("", "", Text(f"{finding.sentence} {finding.remedy}", style="cyan"))
    console.print(table)
