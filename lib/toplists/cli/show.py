"""`toplists show`: one user's history and list, or the items like one item, with titles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from toplists.cli.places import Place
from toplists.cli.tables import Catalogue, print_history, print_items
from toplists.errors import ConfigurationError
from toplists.pipeline.screen import printable
from toplists.reader import (
    Interaction,
    LiveLists,
    Publication,
    RecommendationList,
    RecommendedItem,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _User:
    publication: Publication
    history: Sequence[Interaction]
    own: RecommendationList | None
    popular: RecommendationList | None
    catalogue: Catalogue


@dataclass(frozen=True)
class _Item:
    publication: Publication
    similar: RecommendationList | None
    catalogue: Catalogue


def show_user(console: Console, place: Place, user_id: str, n: int) -> None:
    """Print the last `n` interactions of a user and the first `n` items of the user's list.

    Raises:
        ConfigurationError: nothing is published, or no user can have such an id.
    """
    user = _ask(place, "user", user_id, lambda live: _look_up_user(live, user_id, n))
    _print_heading(console, f"User {printable(user_id)}", place, user.publication)
    if user.history:
        _print_part(console, "History, newest first")
        print_history(console, user.history, user.catalogue)
    if user.own is not None:
        _print_list(console, "List", user.own, user.catalogue, n)
        return
    console.print()
    console.print("This user has no list in the run, and is shown what is popular.")
    if user.popular is not None:
        _print_list(console, "Popular items", user.popular, user.catalogue, n)


def show_item(console: Console, place: Place, item_id: str, n: int) -> None:
    """Print the first `n` items of those like one item.

    Raises:
        ConfigurationError: nothing is published, or there is no such item.
    """
    item = _ask(place, "item", item_id, lambda live: _look_up_item(live, item_id, n))
    known = item.catalogue.get(item_id)
    if item.similar is None and known is None:
        raise ConfigurationError(
            f"There is no item {printable(item_id)} in dataset {place.dataset.name}: neither the "
            "catalogue nor the live lists have it. Ids are compared letter by letter."
        )
    _print_heading(console, f"Item {printable(item_id)}", place, item.publication)
    if known is not None:
        about = [known.title or "", str(known.year or ""), ", ".join(known.genres)]
        console.print(printable("  ".join(part for part in about if part)))
    if item.similar is None:
        console.print()
        console.print("The catalogue has it, but no user of this run has anything to do with it.")
        return
    _print_list(console, "Items like it", item.similar, item.catalogue, n)


def _ask(place: Place, kind: str, id_: str, question: Callable[[LiveLists], Answer]) -> Answer:
    try:
        answer = place.lists.read(question)
    except ValueError as error:
        raise ConfigurationError(
            f"{printable(id_)} is no {kind} id: it is not valid UTF-8."
        ) from error
    if answer is None:
        raise ConfigurationError(
            f"Nothing is published in dataset {place.dataset.name} yet. ./spark-submit.sh nightly "
            "publishes; ./toplists status says what ran so far."
        )
    return answer


def _look_up_user(live: LiveLists, user_id: str, n: int) -> _User:
    history = live.history(user_id, n)
    own = live.user(user_id)
    popular = live.popular() if own is None else None
    shown = [*_first(own, n), *_first(popular, n)]
    wanted = [*(seen.item_id for seen in history), *(item.item_id for item in shown)]
    return _User(live.publication, history, own, popular, live.items(wanted))


def _look_up_item(live: LiveLists, item_id: str, n: int) -> _Item:
    similar = live.similar(item_id)
    wanted = [item_id, *(item.item_id for item in _first(similar, n))]
    return _Item(live.publication, similar, live.items(wanted))


def _first(items: RecommendationList | None, n: int) -> Sequence[RecommendedItem]:
    return items.items[:n] if items is not None else ()


def _print_heading(console: Console, subject: str, place: Place, publication: Publication) -> None:
    run = f"run {publication.run_id}, as of {publication.as_of}"
    console.print(
        Text.assemble((subject, "bold cyan"), f" in {place.dataset.name}", (f"   {run}", "dim"))
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
