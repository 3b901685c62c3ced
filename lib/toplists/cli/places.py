"""Which lake and which dataset a command speaks of."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset, list_datasets
from toplists.reader import Publication
from toplists.reader.delta import DeltaLists, open_delta

if TYPE_CHECKING:
    from toplists.config.settings import Settings

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A dataset, its published lists, and what was live when the command began."""

    dataset: Dataset
    lists: DeltaLists
    live: Publication | None


def find_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """What `--env` and `--set` say, in the folder of settings that the jobs read too (`TOPLISTS_CONF`).

    Raises:
        ConfigurationError: they cannot be used.
    """
    from toplists.config.layers import find_conf, resolve_settings  # it loads pydantic and YAML

    return resolve_settings(find_conf(environ), arguments.env, arguments.set).settings


def find_lake(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """The folder of the lake: that of `--lake`, else what the settings say."""
    lake: str | None = arguments.lake
    return find_settings(arguments, environ).lake.root if lake is None else lake


def find_places(lake_root: str) -> list[Place]:
    """Every dataset of the lake, by name.

    Raises:
        ConfigurationError: there is none.
    """
    places = []
    for dataset in list_datasets(lake_root):
        lists = open_delta(dataset.root)
        places.append(Place(dataset, lists, lists.publication()))
    if not places:
        raise ConfigurationError(
            f"There is no dataset in {Path(lake_root).expanduser().resolve()} yet. "
            "./spark-submit.sh nightly makes one from a small sample; add "
            "--source movielens:FOLDER for data of your own."
        )
    return places


def choose_place(places: Sequence[Place], name: str | None) -> Place:
    """The dataset called `name`; without a name the one published last.

    Raises:
        ConfigurationError: there is no dataset of that name.
    """
    if name is None:
        return max(places, key=lambda place: place.live.published_at if place.live else _NEVER)
    by_name = {place.dataset.name: place for place in places}
    if name not in by_name:
        near = get_close_matches(name, by_name, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(by_name)}."
        raise ConfigurationError(f"There is no dataset {name!r} in this lake. {hint}")
    return by_name[name]
