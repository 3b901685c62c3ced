"""`toplists diff`: how the lists of two runs differ."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.cli.compared_runs import compare_lists_of
from toplists.cli.sources import Source
from toplists.cli.tables import Catalogue, print_counts
from toplists.evaluation.run_difference import OVERLAP_BINS, RunDifference
from toplists.pipeline.screen import printable

_WIDEST_BAR = 40


@dataclass(frozen=True)
class _Answer:
    where: str
    before: str
    now: str
    difference: RunDifference
    entered: Sequence[tuple[str, int]]
    left: Sequence[tuple[str, int]]
    catalogue: Catalogue


def show_difference(
    console: Console,
    source: Source,
    runs: tuple[str, str],
    *,
    k: int,
    placement: str,
    n: int,
    as_json: bool,
) -> None:
    """Compare the lists of two runs and print what became of them.

    Args:
        console: Where to.
        source: Where the lists lie.
        runs: The earlier run and the later one; they need not be published.
        k: How many places of each list count.
        placement: Which lists.
        n: How many items to name.
        as_json: Print it for a program.

    Raises:
        ConfigurationError: the lists of a run are not there.
        ListsUnavailableError: they cannot be read.
    """
    difference = compare_lists_of(source, *runs, k=k, placement=placement)
    entered, left = difference.entered(), difference.left()
    named = [item for item, _ in (*entered[:n], *left[:n])]
    catalogue = source.items(named)
    answer = _Answer(source.name, *runs, difference, entered, left, catalogue)
    if as_json:
        console.print(_as_json(answer, n), soft_wrap=True)
    else:
        _print(console, answer, n)


def _print(console: Console, answer: _Answer, n: int) -> None:
    found = answer.difference
    console.print(
        Text.assemble(
            (f"{answer.before} to {answer.now}", "bold cyan"),
            f" in {printable(answer.where)}",
            (f"   first {found.k} places", "dim"),
        )
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(found):
        facts.add_row(name, value)
    console.print(Padding(facts, (0, 0, 0, 2), expand=False))
    if found.users:
        _print_title(console, "Rank-biased overlap of the lists of a user")
        _print_bins(console, found)
    for title, items in (
        (f"{len(answer.entered):,} items entered, which were in no list", answer.entered),
        (f"{len(answer.left):,} items left, which are in no list", answer.left),
    ):
        _print_title(console, title)
        if items:
            print_counts(console, items[:n], answer.catalogue)


def _facts(found: RunDifference) -> list[tuple[str, str]]:
    facts = [("users in both", f"{found.users:,}")]
    if found.users:
        share = f"{100 * found.changed / found.users:.1f} %"
        facts += [
            ("lists changed", f"{found.changed:,}, {share}"),
            ("overlap", f"{found.overlap:.4f} on average, by rank (1 = the same list)"),
            ("similarity", f"{found.similarity:.4f} on average, by Jaccard (1 = the same items)"),
        ]
    return [
        *facts,
        ("users entered", f"{found.users_entered:,}"),
        ("users left", f"{found.users_left:,}"),
    ]


def _print_bins(console: Console, found: RunDifference) -> None:
    mark = "█" if console.is_terminal else "#"
    longest = max(found.overlaps)
    room = max(1, min(_WIDEST_BAR, console.width - 36))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    for (low, high), users in reversed(
        list(zip(pairwise(OVERLAP_BINS), found.overlaps, strict=True))
    ):
        bar = mark * math.ceil(room * users / longest)
        share = f"{100 * users / found.users:.1f} %"
        table.add_row(f"{low:.1f} to {high:.1f}", f"{users:,}", share, bar)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_title(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="cyan"))


def _as_json(answer: _Answer, n: int) -> str:
    found = answer.difference

    def items(counts: Sequence[tuple[str, int]]) -> dict[str, object]:
        known = answer.catalogue
        first = [
            {"item_id": id_, "title": known[id_].title if id_ in known else None, "lists": lists}
            for id_, lists in counts[:n]
        ]
        return {"count": len(counts), "first": first}

    bins = zip(pairwise(OVERLAP_BINS), found.overlaps, strict=True)
    said = {
        "dataset": answer.where,
        "before": answer.before,
        "now": answer.now,
        "k": found.k,
        "users": {
            "in_both": found.users,
            "changed": found.changed,
            "share_changed": found.changed / found.users if found.users else None,
            "entered": found.users_entered,
            "left": found.users_left,
        },
        "rank_biased_overlap": {
            "mean": found.overlap if found.users else None,
            "users": [{"from": low, "to": high, "users": users} for (low, high), users in bins],
        },
        "jaccard": {"mean": found.similarity if found.users else None},
        "items_entered": items(answer.entered),
        "items_left": items(answer.left),
    }
    return json.dumps(said, indent=2)
