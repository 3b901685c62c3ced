"""Popularity: how many users like an item. The fallback of every list and the baseline of every gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F

from toplists.engine.shapes import Ranking
from toplists.models.protocol import TrainingData


class Popularity:
    """Items by the number of users who like them."""

    name = "popularity"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def fit(self, data: TrainingData) -> Ranking:
        """Count the likings of every item."""
        counts = data.trained().groupBy(F.col("item_pos").alias("pos")).count()
        return Ranking(
            counts.select(
                F.lit("all").alias("segment"), "pos", F.col("count").cast("double").alias("score")
            )
        )
