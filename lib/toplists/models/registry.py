"""The models there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from toplists.config.model import AlsSettings, ModelSettings
from toplists.config.operation import EngineSettings
from toplists.config.recommend import FallbackName, RecommendSettings
from toplists.models.als import Als, als_space
from toplists.models.bayesian_mf import BAYESIAN_SPACE, BayesianMf
from toplists.models.item_cosine import COSINE_SPACE, ItemCosine
from toplists.models.popularity import Popularity, SegmentPopularity, WindowPopularity
from toplists.models.protocol import Model
from toplists.models.search import Space
from toplists.models.trending import Trending

FITTED: tuple[str, ...] = get_args(ModelSettings.model_fields["name"].annotation)
"""Names of models that may be behind the personal lists."""

RANKINGS: tuple[FallbackName, ...] = tuple(
    name for name in get_args(FallbackName) if name not in FITTED
)
"""Names of the other models there are: rankings, the same for all users or for those of a segment."""


def make_model(name: str, settings: ModelSettings, engine: EngineSettings) -> Model:
    """The model called `name`, with its parameters from `settings`.

    Raises:
        KeyError: there is no such model (settings are validated before).
    """
    makers: dict[str, Callable[[], Model]] = {
        "als": lambda: _make_als(settings.als, engine),
        "bayesian_mf": lambda: BayesianMf(settings.bayesian_mf, engine.single_task_entries),
        "item_cosine": lambda: ItemCosine(settings.item_cosine),
        "popularity": Popularity,
    }
    return makers[name]()


def search_spaces(settings: ModelSettings) -> dict[str, Space]:
    """What can be tuned of each model that has something to tune, by name."""
    return {
        "als": als_space(settings.als),
        "bayesian_mf": BAYESIAN_SPACE,
        "item_cosine": COSINE_SPACE,
    }


def vector_lengths(settings: ModelSettings) -> tuple[int, int] | None:
    """How long vectors of the personal model are while kernels fit them, and as they are stored.

    `None` for a model that the kernels fit no vectors of.
    """
    als, bayesian = settings.als, settings.bayesian_mf
    if settings.name == "als" and als.engine == "kernels":
        extra = (1, 2) if als.feedback == "explicit" and als.biases else (0, 0)
        return als.rank + extra[0], als.rank + extra[1]
    if settings.name == "bayesian_mf":
        kept = bayesian.rounds // bayesian.keep_every
        return bayesian.rank + 1, bayesian.rank * kept + 2
    return None


def can_start_warm(settings: ModelSettings) -> bool:
    """Whether the personal model is one whose fit can start from another's item vectors."""
    als = settings.als
    return settings.name == "als" and als.engine == "kernels" and als.warm_start


def learns_values(model: Model) -> bool:
    """Whether a model learns, and predicts, the values of ratings, instead of likings."""
    return model.parameters.get("feedback") == "explicit"


def make_similar(settings: ModelSettings) -> Model:
    """The model behind the lists of similar items: neighbours that may be recommended."""
    return ItemCosine(settings.item_cosine, only_recommendable=True)


def make_fallback(name: FallbackName, settings: RecommendSettings) -> Model:
    """The ranking called `name`, with its parameters from `settings`."""
    match name:
        case "segment":
            if settings.segment_by is None:
                raise ValueError("a ranking by segment needs an attribute")  # settings see to it
            return SegmentPopularity(settings.segment_by, settings.max_segments)
        case "trending":
            return Trending(
                settings.trending_days,
                settings.trending_baseline_days,
                settings.trending_smoothing,
            )
        case "window":
            return WindowPopularity(settings.window_days)
        case "popularity":
            return Popularity()


def _make_als(settings: AlsSettings, engine: EngineSettings) -> Model:
    if settings.engine == "kernels":
        return Als(settings, engine.single_task_entries)
    # Not before it is asked for: MLlib's Python side brings pandas, and takes two seconds to load.
    from toplists.models.mllib_als import MllibAls

    return MllibAls(settings)
