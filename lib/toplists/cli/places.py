"""Which lake and which dataset a command speaks of."""

from __future__ import annotations

from collections.abc import Sequence
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
    from toplists.config.publish import PublishSettings

CONF_DIR = Path(__file__).resolve().parents[3] / "conf"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A dataset, its published lists, and what was live when the command began."""

    dataset: Dataset
    lists: DeltaLists
    live: Publication | None


def find_lake(lake: str | None, env: str, overrides: Sequence[str]) -> str:
    """The folder of the lake: `lake` if given, else what the settings say."""
    if lake is not None:
        return lake
    from toplists.config.layers import resolve_settings  # only here: it loads pydantic and YAML

    return resolve_settings(CONF_DIR, env, overrides).settings.lake.root


def find_publish_settings(env: str, overrides: Sequence[str]) -> PublishSettings:
    """What the settings say of publication: how many runs are kept, and the stores."""
    from toplists.config.layers import resolve_settings

    return resolve_settings(CONF_DIR, env, overrides).settings.publish


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
