"""Popularity: how many users like an item, overall, lately, or within a segment of users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockRef
from toplists.engine.exchange import write_parts, write_scores
from toplists.engine.shapes import Ranking
from toplists.engine.storage import Arrays
from toplists.errors import ConfigurationError
from toplists.models.definition import Definition, Parameters
from toplists.models.protocol import Fitted, Model, TrainingData


class Popularity:
    """Items by the number of users who like them: the baseline of every gate, the last fallback."""

    name = "popularity"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def fit(self, data: TrainingData) -> Fitted:
        """Count the likings of every item."""
        part, columns = data.part, data.items.columns

        def count(ref: BlockRef) -> Arrays:
            likings = np.diff(ref.open().trained(part, columns).indptr).astype(np.float64)
            return {"scores": np.where(likings > 0, likings, -np.inf)[np.newaxis]}

        return Fitted(
            Ranking(write_parts(data.spark, data.items.blocks, count, data.folder, "items"))
        )


class WindowPopularity:
    """Items by the number of users who came to like them in the last days."""

    name = "window"

    def __init__(self, days: int) -> None:
        """Count the last `days` days."""
        self._days = days

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The number of days."""
        return {"days": self._days}

    def fit(self, data: TrainingData) -> Fitted:
        """Count the likings of every item in the days before the end of the part.

        A user counts once for an item, at the time of the pair's last event; a pair without a time is
        in no window.
        """
        recent = data.trained().where(
            (F.col("event_time") >= F.lit(data.end - timedelta(days=self._days)))
            & (F.col("event_time") < F.lit(data.end))
        )
        counts = recent.groupBy(F.col("item_pos").alias("pos")).agg(
            F.count(F.lit(1)).cast("double").alias("score")
        )
        rows = counts.select(F.lit(0).alias("segment"), "pos", "score")
        return Fitted(Ranking(write_scores(rows, data.items, 1, data.folder, "items")))


class SegmentPopularity:
    """Items by the number of users of a segment who like them; no list for who is in none."""

    name = "segment"

    def __init__(self, attribute: str, max_segments: int) -> None:
        """Tell users apart by `attribute`, in at most `max_segments` segments."""
        self._attribute = attribute
        self._max_segments = max_segments

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the segments were made by."""
        return {"segment_by": self._attribute, "max_segments": self._max_segments}

    def fit(self, data: TrainingData) -> Fitted:
        """Count the likings of every item by the users of each segment."""
        names = data.segment_names
        number = F.array_position(F.array(*map(F.lit, names)), F.col("segment")) - 1
        counts = (
            data.trained()
            .join(data.segments, "user_pos")
            .groupBy(
                number.cast("int").alias("segment"),
                F.col("item_pos").alias("pos"),
            )
            .agg(F.count(F.lit(1)).cast("double").alias("score"))
        )
        parts = write_scores(counts, data.items, len(names), data.folder, "items")
        return Fitted(Ranking(parts, names))


def _make_by_segment(parameters: Parameters) -> Model:
    settings = parameters.recommend
    if settings.segment_by is None:
        raise ConfigurationError(
            "segment needs an attribute of users: --set recommend.segment_by=NAME, and segment among "
            "recommend.fallback."
        )
    return SegmentPopularity(settings.segment_by, settings.max_segments)


POPULARITY = Definition(
    name="popularity",
    summary="What most users like: the baseline of every gate, and the last fallback.",
    shape=Ranking,
    feedback="likings",
    memory="8 bytes x items",
    time="interactions",
    reference="a count",
    make=lambda _: Popularity(),
)
"""See `Popularity`."""

WINDOW = Definition(
    name="window",
    summary="What most users came to like in the last days.",
    shape=Ranking,
    feedback="likings",
    memory="8 bytes x items",
    time="interactions",
    reference="a count",
    make=lambda given: WindowPopularity(given.recommend.window_days),
    elsewhere=("recommend.window_days",),
)
"""See `WindowPopularity`."""

SEGMENT = Definition(
    name="segment",
    summary="What most users of one's segment like, such as those of a country.",
    shape=Ranking,
    feedback="likings",
    memory="8 bytes x segments x items",
    time="interactions",
    reference="a count",
    make=_make_by_segment,
    elsewhere=("recommend.segment_by", "recommend.max_segments"),
)
"""See `SegmentPopularity`."""
