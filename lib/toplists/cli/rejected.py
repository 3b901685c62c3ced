"""`toplists rejected`: rows that were refused, by reason, with examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.cli.places import Place
from toplists.errors import ConfigurationError
from toplists.ingest.rejections import Example, Load, Rejection, Rejections
from toplists.pipeline.screen import fitted, printable

_NAMED = 10


def show_rejected(
    console: Console, place: Place, reason: str | None, load_id: str | None, examples: int
) -> None:
    """Print the reasons with their counts, then rows for each.

    Args:
        console: Where to.
        place: The dataset.
        reason: Only this reason's code.
        load_id: Only this load.
        examples: Rows to show for each reason.

    Raises:
        ConfigurationError: there is no such load with refused rows, or no row with such a reason.
    """
    rejections = Rejections(place.dataset)
    loads: Sequence[Load] = rejections.loads()
    if load_id is not None:
        known = {load.load_id: load for load in loads}
        loads = [known[_one_of(load_id, known, "load with refused rows", place)]]
    found = rejections.by_reason(loads)
    if reason is not None:
        by_code = {rejection.code: rejection for rejection in found}
        found = [by_code[_one_of(reason, by_code, "row refused for", place)]]
        loads = found[0].loads
    name = place.dataset.name
    if not found:
        console.print(f"There are no refused rows in dataset {name}.")
        return
    rows = found[0].rows if reason is not None else sum(load.rejected for load in loads)
    of = f"{rows:,} refused row{_s(rows)} in {len(loads):,} load{_s(len(loads))}"
    console.print(Text.assemble((f"Dataset {name}", "bold cyan"), f"   {of}"))
    _print_indented(console, _reasons(found), 2)
    for rejection in found:
        _print_examples(console, rejection, rejections.examples(rejection, examples))


def _reasons(found: Sequence[Rejection]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("reason", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("first load", no_wrap=True)
    table.add_column("last load", no_wrap=True)
    for rejection in found:
        first, last = rejection.loads[0], rejection.loads[-1]
        days = (f"{load.loaded_at:%Y-%m-%d}" for load in (first, last))
        table.add_row(printable(rejection.code), f"{rejection.rows:,}", *days)
    return table


def _print_examples(console: Console, rejection: Rejection, examples: Iterable[Example]) -> None:
    console.print()
    _print_line(
        console,
        Text.assemble(
            (printable(rejection.code), "cyan"),
            (f"   load {printable(rejection.loads[-1].load_id)}", "dim"),
        ),
        0,
    )
    for example in examples:
        place = f"{printable(example.file)}:{example.line}"
        _print_line(console, Text.assemble((place, "bold"), f"  {printable(example.raw)}"), 2)
        explanation = example.reason.partition(": ")[2]
        if explanation:
            _print_line(console, Text(printable(explanation), style="dim"), 4)


def _print_line(console: Console, line: Text, indent: int) -> None:
    """One line, cut where the terminal ends."""
    text = Text(" " * indent).append_text(line)
    console.print(fitted(text, console), soft_wrap=True)


def _print_indented(console: Console, content: Table, by: int) -> None:
    console.print(Padding(content, (0, 0, 0, by), expand=False))


def _one_of(wanted: str, known: Iterable[str], what: str, place: Place) -> str:
    names = list(known)
    if wanted in names:
        return wanted
    near = get_close_matches(wanted, names, n=1)
    some = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    hint = f"Did you mean {near[0]}?" if near else f"There is {some or 'nothing refused at all'}."
    raise ConfigurationError(
        f"There is no {what} {printable(wanted)} in dataset {place.dataset.name}. {printable(hint)}"
    )


def _s(count: int) -> str:
    return "" if count == 1 else "s"
