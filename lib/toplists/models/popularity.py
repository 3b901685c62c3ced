"""Popularity: how many users like an item. The fallback of every list and the baseline of every gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toplists.engine.blocks import BlockRef
from toplists.engine.exchange import Arrays, write_parts
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
        part, columns = data.part, data.items.columns

        def count(ref: BlockRef) -> Arrays:
            likings = np.diff(ref.open().trained(part, columns).indptr).astype(np.float64)
            return {"scores": np.where(likings > 0, likings, -np.inf)}

        return Ranking(write_parts(data.spark, data.items.blocks, count, data.folder, "items"))
