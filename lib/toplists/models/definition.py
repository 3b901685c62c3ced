"""What is to be known of a model before it is made: all that the registry, its page and searches say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from toplists.config.model import ModelSettings
from toplists.config.operation import EngineSettings
from toplists.config.recommend import RecommendSettings
from toplists.engine.shapes import Factors, Shape
from toplists.models.protocol import Model
from toplists.models.search import Space

Feedback: TypeAlias = Literal["likings", "values", "either"]
"""What a model learns from: who likes what, which values were given, or as its settings say."""


class Parameters(NamedTuple):
    """All settings that models take their parameters from."""

    model: ModelSettings
    recommend: RecommendSettings = RecommendSettings()
    engine: EngineSettings = EngineSettings()


WHOLE = 16
"""Bytes of each interaction that a task holds which holds all of them, as those of similarity do: place and value, both ways."""


def whole(parameters: Mapping[str, Any]) -> int:
    """`WHOLE`, twice where there are sessions, which are rows of their own beside those of users."""
    return WHOLE * (2 if parameters.get("session_gap_hours") else 1)


@dataclass(frozen=True)
class Definition:
    """A model: what it is called, what it is good for, what it takes, and how it is made.

    Attributes:
        name: In the registry; its settings have the same under `model`.
        summary: What it does, in a sentence.
        shape: What a fit of it ends in, or one of what.
        feedback: What it learns from.
        memory: Of a task, by the numbers of users, items, interactions.
        time: Of a fit, by the same.
        reference: Who described it.
        make: The model with its parameters.
        space: What of it can be tuned; `None` where there is nothing.
        elsewhere: Keys of settings that decide it and do not stand under `model` and its name.
        lengths: How long its vectors are while kernels fit them, 0 where no task needs a whole side of them,
            and as they are stored; `None` where it has none, or others fit them.
        holds: Bytes of each interaction that every task of a fit holds, of all there are, by the model's parameters; 0
            where a task holds a block only.
        scores_new_items: Whether it can list an item of the catalogue that nobody has had to do with yet.
        starts_warm: Whether a fit can start from the item vectors of another; `None` = never.
        vectors: The vectors of a fit that the next one goes on from, or folds into; `None` where there are none.
    """

    name: str
    summary: str
    shape: type[Shape] | tuple[type[Shape], ...]
    feedback: Feedback
    memory: str
    time: str
    reference: str
    make: Callable[[Parameters], Model]
    space: Callable[[ModelSettings], Space] | None = None
    elsewhere: tuple[str, ...] = ()
    lengths: Callable[[ModelSettings], tuple[int, int] | None] | None = None
    holds: Callable[[Mapping[str, Any]], int] = lambda _: 0
    scores_new_items: bool = False
    starts_warm: Callable[[ModelSettings], bool] | None = None
    vectors: Callable[[ModelSettings, Shape], Factors | None] = lambda _, shape: (
        shape if isinstance(shape, Factors) else None
    )

    @property
    def shape_name(self) -> str:
        """What a fit of it ends in, in words."""
        shapes = self.shape if isinstance(self.shape, tuple) else (self.shape,)
        return " or ".join(shape.__name__ for shape in shapes)


def lengths_of(members: Iterable[Definition], settings: ModelSettings) -> list[tuple[int, int]]:
    """The `lengths` of those members of a model that kernels fit vectors of."""
    found = (one.lengths(settings) for one in members if one.lengths is not None)
    return [lengths for lengths in found if lengths is not None]
