"""What a model is: a name, its parameters, and a fit that ends in one of the three shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockSet, Part
from toplists.engine.shapes import Shape


@dataclass(frozen=True)
class TrainingData:
    """A snapshot as models see it: arrays of positions, restricted to what may be learnt from.

    `interactions` is `[user_pos: int, item_pos: int, value: double, weight: float, split: string]`
    with every pair of the snapshot; `users` and `items` are the same pairs as blocks. `part` says
    what a fit may use: `train` leaves the holdout out. `size` is the number of weighted pairs it may
    use. `seed` decides everything random in the fit.
    """

    spark: SparkSession
    interactions: DataFrame
    users: BlockSet
    items: BlockSet
    part: Part
    size: int
    seed: int

    def trained(self) -> DataFrame:
        """The pairs that may be learnt from: weight above 0, and in the part."""
        rows = self.interactions.where(F.col("weight") > 0)
        return rows.where(F.col("split") == "train") if self.part == "train" else rows

    def rated(self) -> DataFrame:
        """The pairs with a value that may be learnt from, whether liked or not."""
        rows = self.interactions.where(F.col("value").isNotNull())
        return rows.where(F.col("split") == "train") if self.part == "train" else rows


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

    def fit(self, data: TrainingData) -> Shape:
        """Fit the model.

        Raises:
            InputRefusedError: nothing can be learnt from the data.
        """
        ...
