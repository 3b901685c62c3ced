"""Slope One: how far users rate an item above those that they rated (Lemire and Maclachlan 2005)."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from toplists.config.model_ratings import SlopeOneSettings
from toplists.engine.baselines import Rated, row_means
from toplists.engine.blocks import BlockRef, Rows
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.shapes import RatedNeighbours, neighbours_part
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Space


class SlopeOne(FromSettings[SlopeOneSettings]):
    """The user's mean, and the mean of how far the item is above what the user rated."""

    name = "slope_one"
    learns_values = True

    def fit(self, data: TrainingData) -> Fitted:
        """Compare all pairs of items with common raters, in a task for each block of items.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        write = partial(write_parts, data.spark)
        return Fitted(
            fit_differences(data.rated_values(self.name), self._settings, data.folder, write)
        )


def fit_differences(
    rated: Rated, settings: SlopeOneSettings, folder: Path, write: WriteParts
) -> RatedNeighbours:
    """Users' means and items' differences, as parts that `write` writes to the folder."""
    return RatedNeighbours(
        write(rated.users.blocks, partial(_user_part, rated), folder, "users"),
        write(rated.items.blocks, partial(_item_part, rated), folder, "items"),
        write(rated.items.blocks, partial(_differences, rated, settings), folder, "neighbours"),
        by="items",
        k=0,
        min_k=1,
        shift=0.0,
        counted=True,
        otherwise=0.0,
    )


def _user_part(rated: Rated, ref: BlockRef) -> Arrays:
    """Differences are weights here, and what they are times is 1."""
    rows = rated.rows_of(ref)
    return {
        "level": np.where(rows.known, row_means(rows), np.nan),
        "spread": np.ones(ref.rows),
        "indptr": rows.indptr,
        "rated": rows.indices,
        "deviations": np.ones_like(rows.data),
    }


def _item_part(rated: Rated, ref: BlockRef) -> Arrays:
    raters = np.diff(rated.rows_of(ref).indptr)
    return {"level": np.where(raters > 0, 0.0, np.nan), "spread": np.ones(ref.rows)}


def _differences(rated: Rated, settings: SlopeOneSettings, ref: BlockRef) -> Arrays:
    # Here, in the task: numba takes a second to load.
    from toplists.engine.kernels.differences import mean_differences

    found = mean_differences(
        _sparse(rated.rows_of(ref)),
        ref.first,
        _users(rated),
        rated.items.rows,
        k=settings.neighbours,
        least=settings.min_common,
    )
    return neighbours_part(found)


@lru_cache(maxsize=2)
def _users(rated: Rated) -> tuple[tuple[int, Sparse], ...]:
    return tuple((ref.first, _sparse(rows)) for ref, rows in rated.rows("users"))


def _sparse(rows: Rows) -> Sparse:
    return Sparse(rows.indptr, rows.indices, rows.data)


SLOPE_ONE = Definition(
    name="slope_one",
    summary="Predicts values by how far users rate an item above those that one rated.",
    shape=RatedNeighbours,
    feedback="values",
    memory="8 bytes x neighbours x items, and all values once per executor",
    holds=whole,
    time="the sum over users of the square of their values, twice",
    reference=(
        "Lemire and Maclachlan, Slope One predictors for online rating-based collaborative filtering, SDM 2005"
    ),
    make=lambda given: SlopeOne(given.model.slope_one),
    space=lambda _: Space(
        {"min_common": Choices((1, 2, 3, 5, 8)), "neighbours": Choices((100, 300, 1000, 3000))}
    ),
)
"""See `SlopeOne`."""
