"""What a model is: a name, its parameters, and a fit that ends in one of a few shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.config.section import Section
from toplists.engine.alternation import Start
from toplists.engine.baselines import Rated
from toplists.engine.blocks import BlockRef, BlockSet, Part
from toplists.engine.shapes import Factors, Shape
from toplists.engine.tasks import collect_tasks
from toplists.errors import InputRefusedError

_VALUE_UNIT = 2.0**-20


@dataclass(frozen=True)
class TrainingData:
    """A snapshot as models see it: arrays of positions, restricted to what may be learnt from.

    `interactions` is `[user_pos: int, item_pos: int, value: double, event_time: timestamp,
    weight: float, rating_weight: float, split: string]` with every pair of the snapshot; `users` and `items` are the same pairs as blocks. `part` says
    what a fit may use: `train` leaves the holdout out. `size` is the number of pairs it learns
    from. `end` is the instant at which the part ends: what is said of the last days counts back from it.
    `segments` is `[user_pos: int, segment: string]` of the users who are in one, `segment_names` has
    each once. `seed` decides everything random in the fit. The files of what it finds go to `folder`,
    which every executor sees. `start` is where a model that can may begin. `evaluated` are the vectors
    of the evaluation fit, by the positions of the same blocks, for a model whose published vectors come
    from them. `catalogue` are Parquet files of the table `items` as the run knows it, by id.
    """

    spark: SparkSession
    interactions: DataFrame
    users: BlockSet
    items: BlockSet
    part: Part
    size: int
    end: datetime
    segments: DataFrame
    segment_names: tuple[str, ...]
    seed: int
    folder: Path
    start: Start | None = None
    evaluated: Factors | None = None
    catalogue: tuple[str, ...] = ()

    def trained(self) -> DataFrame:
        """The pairs that may be learnt from: weight above 0, and in the part."""
        rows = self.interactions.where(F.col("weight") > 0)
        return rows.where(F.col("split") == "train") if self.part == "train" else rows

    def rated(self) -> DataFrame:
        """The pairs with a value that may be learnt from, whether liked or not."""
        rows = self.interactions.where(F.col("rating_weight") > 0)
        return rows.where(F.col("split") == "train") if self.part == "train" else rows

    def no_times(self, *, values: bool = False) -> bool:
        """Whether nothing has a time of what may be learnt from, likings or `values`."""
        rows = self.rated() if values else self.trained()
        return rows.where(F.col("event_time").isNotNull()).isEmpty()

    def require_sessions(
        self, model: str, session_gap_hours: float | None, *, values: bool = False
    ) -> None:
        """See to it that a model which tells sessions apart can, unless it does not.

        Args:
            model: Its name.
            session_gap_hours: The longest pause within a session; `None` = there are no sessions.
            values: Whether it learns values instead of likings.

        Raises:
            InputRefusedError: nothing that it may learn from has a time.
        """
        if session_gap_hours is not None and self.size and self.no_times(values=values):
            raise InputRefusedError(
                f"{model}[session_gap_hours={session_gap_hours:g}] learns from what is in one session, and "
                "no interaction has a time. Leave session_gap_hours out, or set it to null."
            )

    def rated_values(self, model: str) -> Rated:
        """The values that may be learnt from, for the model of that name.

        Raises:
            InputRefusedError: there is none.
        """
        mean = self.mean_value()
        if mean is None:
            raise InputRefusedError(
                f"{model} learns from values such as ratings, and no interaction that it may learn "
                "from has one. Use a model that needs none, such as model.name=als or item_knn."
            )
        return Rated(self.users, self.items, self.part, mean)

    def mean_value(self) -> float | None:
        """The mean of the values that may be learnt from; `None` where there is none.

        The same to the last bit, however the blocks are cut: values are added as whole numbers of
        2^-20.
        """
        part, columns = self.part, self.users.columns

        def add_up(ref: BlockRef) -> tuple[int, int]:
            values = ref.open().rated(part, columns).data.astype(np.float64)
            units = int(np.rint(values / _VALUE_UNIT).astype(np.int64).sum())
            return units, len(values)

        sums = collect_tasks(self.spark, self.users.blocks, add_up)
        units, count = (sum(of) for of in zip((0, 0), *sums, strict=True))
        return units * _VALUE_UNIT / count if count else None


@dataclass(frozen=True)
class Fitted:
    """What a fit ends in: the shape, and what the fit says of itself, as JSON-ready values."""

    shape: Shape
    report: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """A model with its parameters; fitting it does not change it."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything that decides the fit besides the data, as JSON-ready values."""
        ...

    def fit(self, data: TrainingData) -> Fitted:
        """Fit the model.

        Raises:
            InputRefusedError: nothing can be learnt from the data.
        """
        ...


_Settings = TypeVar("_Settings", bound=Section)


class FromSettings(Generic[_Settings]):
    """What most models have in common: their parameters are their settings.

    A subclass gives its `name`, says by `learns_values` if it learns values instead of likings and its settings do not,
    and has `fit`.
    """

    name: ClassVar[str]
    learns_values: ClassVar[bool] = False

    def __init__(self, settings: _Settings) -> None:
        """Take the parameters from `settings`."""
        self._settings = settings

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, and that values are learnt."""
        own = self._settings.model_dump(mode="json")
        return {**own, "feedback": "explicit"} if self.learns_values else own
