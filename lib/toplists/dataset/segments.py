"""Segments: groups of users that have lists of popular items of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.engine.blocks import BlockRef
from toplists.engine.shapes import EVERYBODY


@dataclass(frozen=True)
class Segments:
    """The segments of a run, and who is in which.

    `names` begins with `EVERYBODY`, the segment of those who are in no other; `files` are Parquet
    files of `[user_pos: int, segment: string]`, where null stands for it.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]

    def of(self, ref: BlockRef) -> npt.NDArray[np.int32]:
        """int32[rows], the segments of a block's users by their place in `names`."""
        found = np.zeros(ref.rows, dtype=np.int32)
        if len(self.names) == 1:
            return found
        within = [("user_pos", ">=", ref.first), ("user_pos", "<", ref.first + ref.rows)]
        names = {name: place for place, name in enumerate(self.names)}
        for file in self.files:
            table = pq.read_table(
                file, columns=["user_pos", "segment"], filters=within, partitioning=None
            )
            known = table.filter(pc.is_valid(table["segment"]))
            rows = known["user_pos"].to_numpy() - ref.first
            found[rows] = [names[name] for name in known["segment"].to_pylist()]
        return found


def assign_segments(
    users: DataFrame, attributes: DataFrame, attribute: str, max_segments: int
) -> DataFrame:
    """Say of every user which segment it is in: the value of one attribute.

    The `max_segments` with the most users are told apart (of equally large ones those whose names
    come first); everybody else is in none.

    Args:
        users: `[user_id: string, …]`.
        attributes: `[user_id: string, attributes: map<string, string>]`, a user at most once.
        attribute: Name of the attribute.
        max_segments: Number of segments.

    Returns:
        The input with `segment: string`, null for users without the attribute, with an empty one, or
        outside the largest. A value of `EVERYBODY` counts as none, being the name of all users.
    """
    value = F.col("attributes").getItem(attribute)
    stated = attributes.select("user_id", value.alias("segment")).where(
        F.col("segment").isNotNull() & ~F.col("segment").isin("", EVERYBODY)
    )
    # Only users of the run make a segment large.
    known = users.select("user_id").join(stated, "user_id")
    largest = (
        known.groupBy("segment")
        .count()
        .orderBy(F.col("count").desc(), "segment")
        .limit(max_segments)
        .select("segment")
    )
    return users.join(known.join(largest, "segment"), "user_id", "left")


def segment_names(users: DataFrame) -> list[str]:
    """The segments of `users` by name: `[segment: string, …]`."""
    rows = users.select("segment").where(F.col("segment").isNotNull()).distinct().collect()
    return sorted(row["segment"] for row in rows)
