"""Where a command reads lists from: the lake, a store of the settings, or any address that readers take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toplists import reader
from toplists.cli.places import Place, find_settings
from toplists.errors import ConfigurationError, StoreError
from toplists.pipeline.screen import printable
from toplists.publish.stores.secrets import Secret
from toplists.reader import CatalogueItem, Interaction, Lists, Publication
from toplists.reader.addresses import without_secrets
from toplists.reader.delta import open_delta
from toplists.reader.facts import CATALOGUE, HISTORY, find_history, find_items
from toplists.reader.snapshot import Snapshot

_DELTA = "delta:"


@dataclass(frozen=True)
class Source:
    """Lists, and the dataset of a lake that they were made in, for what it alone knows.

    Attributes:
        name: What a person reads in a heading.
        called: And in a sentence.
        lists: The lists.
        address: Where the lists lie, as readers open it.
        root: Folder of the dataset; `None` where it is not known.
    """

    name: str
    called: str
    lists: Lists
    address: str
    root: Path | None

    def items(self, ids: Iterable[str]) -> dict[str, CatalogueItem]:
        """Those of the items that the dataset's catalogue knows, by id."""
        return {} if self.root is None else find_items(Snapshot(self.root, [CATALOGUE]), ids)

    def history(self, run_id: str, user_id: str, limit: int) -> list[Interaction]:
        """The newest interactions of a user that a run knew."""
        if self.root is None:
            return []
        return find_history(Snapshot(self.root, [HISTORY]), run_id, user_id, limit)

    def publications(self) -> list[Publication]:
        """Every publication that is known of, oldest first: those of the dataset, or what is live."""
        if self.root is not None:
            return open_delta(self.root).publications()
        live = self.lists.publication()
        return [] if live is None else [live]


def find_source(
    arguments: argparse.Namespace, environ: Mapping[str, str], find_place: Callable[[], Place]
) -> Source:
    """The lists that a command speaks of.

    Args:
        arguments: `source`, an address, the name of a store, or `None` for the lake; `dataset`; and `env` and
            `set` for the settings that name stores.
        environ: The process environment.
        find_place: Finds the dataset of the lake. It is not asked if there is an address and no dataset beside it.

    Raises:
        ConfigurationError: there is no such dataset or store, or no lists have such an address.
    """
    address: str | None = arguments.source
    if address is None:
        place = find_place()
        name = place.dataset.name
        root = place.dataset.root
        return Source(name, f"dataset {name}", place.lists, f"{_DELTA}{root}", root)
    if ":" not in address:
        return _store(address, arguments, environ, find_place)
    lists = _open(address)
    shown = without_secrets(address)
    if arguments.dataset is not None:
        return Source(shown, shown, lists, address, find_place().dataset.root)
    folder = Path(address.removeprefix(_DELTA)) if address.startswith(_DELTA) else None
    return Source(shown, shown, lists, address, folder)


def _store(
    name: str,
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    find_place: Callable[[], Place],
) -> Source:
    """A store that settings name, with the password that they say where to find."""
    stores = find_settings(arguments, environ).publish.stores
    found = next((store for store in stores if store.name == name), None)
    if found is None:
        named = ", ".join(store.name for store in stores) or "none"
        raise ConfigurationError(
            f"--from: {printable(name)} is neither an address, such as redis://HOST:PORT/DB, nor a store of "
            f"the settings; publish.stores names {named}."
        )
    place = find_place()
    address = found.address.replace("{dataset}", place.dataset.name)
    try:
        password = Secret(None if found.kind == "files" else found.secret).read()
    except StoreError as error:
        raise ConfigurationError(f"--from {name}: {error}") from error
    called = f"store {name}"
    return Source(called, called, _open(address, password), address, place.dataset.root)


def _open(address: str, password: str | None = None) -> Lists:
    try:
        return reader.open(address, password=password)
    except reader.AddressError as error:
        raise ConfigurationError(f"--from: {error}") from error
