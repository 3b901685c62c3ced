"""The models there are, by name."""

from __future__ import annotations

from collections.abc import Callable

from toplists.config.settings import EngineSettings, ModelSettings
from toplists.models.als import Als
from toplists.models.item_cosine import ItemCosine
from toplists.models.popularity import Popularity
from toplists.models.protocol import Model


def make_model(name: str, settings: ModelSettings, engine: EngineSettings) -> Model:
    """The model called `name`, with its parameters from `settings`.

    Raises:
        KeyError: there is no such model (settings are validated before).
    """
    makers: dict[str, Callable[[], Model]] = {
        "als": lambda: Als(settings.als),
        "item_cosine": lambda: ItemCosine(settings.item_cosine, engine.tile_mb << 20),
        "popularity": Popularity,
    }
    return makers[name]()
