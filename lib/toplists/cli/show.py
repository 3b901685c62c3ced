"""`toplists show`: one user's history and list, or the items like one item, with titles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from toplists.cli.publications import require_live
from toplists.cli.sources import Source
from toplists.cli.tables import Catalogue, print_history, print_items
from toplists.errors import ConfigurationError
from toplists.pipeline.screen import printable
from toplists.reader import Publication, RecommendationList, RecommendedItem

Answer = TypeVar("Answer")


def show_user(console: Console, source: Source, user_id: str, n: int) -> None:
    """Print the last `n` interactions of a user and the first `n` items of the user's list.

    Raises:
        ConfigurationError: nothing is published, or no user can have such an id.
    """
    live = require_live(source)
    found = _ask("user", user_id, lambda: source.lists.user(user_id))
    history = source.history(found.run_id if found else live.run_id, user_id, n)
    wanted = [*(seen.item_id for seen in history), *(item.item_id for item in _first(found, n))]
    catalogue = source.items(wanted)
    _print_heading(console, f"User {printable(user_id)}", source, found, live)
    if history:
        _print_part(console, "History, newest first")
        print_history(console, history, catalogue)
    if found is not None and not found.fallback:
        _print_list(console, "List", found, catalogue, n)
        return
    console.print()
    console.print("This user has no list in the run, and is shown what is popular.")
    if found is not None:
        _print_list(console, "Popular items", found, catalogue, n)


def show_item(console: Console, source: Source, item_id: str, n: int) -> None:
    """Print the first `n` items of those like one item.

    Raises:
        ConfigurationError: nothing is published, or there is no such item.
    """
    live = require_live(source)
    similar = _ask("item", item_id, lambda: source.lists.similar(item_id))
    wanted = [item_id, *(item.item_id for item in _first(similar, n))]
    catalogue = source.items(wanted)
    itself = catalogue.get(item_id)
    if similar is None and itself is None:
        raise ConfigurationError(
            f"There is no item {printable(item_id)} in {source.called}: neither the "
            "catalogue nor the live lists have it. Ids are compared letter by letter."
        )
    _print_heading(console, f"Item {printable(item_id)}", source, similar, live)
    if itself is not None:
        about = [itself.title or "", str(itself.year or ""), ", ".join(itself.genres)]
        console.print(printable("  ".join(part for part in about if part)))
    if similar is None:
        console.print()
        console.print("The catalogue has it, but no user of this run has anything to do with it.")
        return
    _print_list(console, "Items like it", similar, catalogue, n)


def _ask(kind: str, id_: str, question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except ValueError as error:
        raise ConfigurationError(
            f"{printable(id_)} is no {kind} id: it is not valid UTF-8."
        ) from error


def _first(items: RecommendationList | None, n: int) -> Sequence[RecommendedItem]:
    return items.items[:n] if items is not None else ()


def _print_heading(
    console: Console,
    subject: str,
    source: Source,
    shown: RecommendationList | None,
    live: Publication,
) -> None:
    run_id: str = shown.run_id if shown else live.run_id
    as_of: date | None = shown.as_of if shown else live.as_of
    run = f"run {run_id}, as of {as_of}"
    console.print(
        Text.assemble((subject, "bold cyan"), f" in {printable(source.name)}", (f"   {run}", "dim"))
    )


def _print_part(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="cyan"))


def _print_list(
    console: Console, title: str, shown: RecommendationList, catalogue: Catalogue, n: int
) -> None:
    first = _first(shown, n)
    _print_part(console, f"{title}, first {len(first)} of {len(shown.items)}")
    print_items(console, first, catalogue)
    if shown.short_reason is not None:
        console.print()
        console.print(f"The list is short: {printable(shown.short_reason)}")
