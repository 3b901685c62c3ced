"""Baselines: a value as the mean plus how far its user and its item are from it.

Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", TKDD 4, 2010, section 2.1.
All is done where it is called, block after block: a pass takes less than a Spark job does to start.
Sums are taken in order of position, so that the result does not depend on how the blocks are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from toplists.engine.biases import Biases
from toplists.engine.blocks import BlockRef, BlockSet, Part, Rows, Side
from toplists.engine.exchange import WriteParts
from toplists.engine.shapes import Factors
from toplists.engine.storage import Arrays
from toplists.errors import ConfigurationError

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rated:
    """The values that `part` lets learn from, as blocks of both sides, and their mean."""

    users: BlockSet
    items: BlockSet
    part: Part
    mean: float

    def side(self, side: Side) -> BlockSet:
        """The blocks of one side."""
        return self.users if side == "users" else self.items

    def rows_of(self, ref: BlockRef) -> Rows:
        """The values in the rows of one block, of either side."""
        return ref.open().learnt("rated", self.part)

    def rows(self, side: Side) -> Iterator[tuple[BlockRef, Rows]]:
        """Block after block of one side."""
        for ref in self.side(side).blocks:
            yield ref, self.rows_of(ref)


class Method(Protocol):
    """A way to find biases."""

    def biases(self, rated: Rated) -> dict[Side, Doubles]:
        """The biases of both sides: float64[rows] each, 0 where nothing was rated."""
        ...


@dataclass(frozen=True)
class Alternating:
    """Items given the users, then users given the items, so many times; each is a shrunk mean.

    `penalties` are added to the number of ratings of a row of each side.
    """

    penalties: Mapping[Side, float]
    epochs: int

    def biases(self, rated: Rated) -> dict[Side, Doubles]:
        """See `Method`."""
        # Here, in the task: numba takes a second to load, and the driver finds no biases.
        from toplists.engine.kernels.alternating_biases import Shrinkage, find_biases
        from toplists.engine.kernels.weight_sums import Sparse

        blocks = list(rated.rows("items"))
        found = find_biases(
            [(ref.first, Sparse(rows.indptr, rows.indices, rows.data)) for ref, rows in blocks],
            rated.users.rows,
            rated.mean,
            Shrinkage(self.penalties["users"], self.penalties["items"], self.epochs),
            rows_first=False,
            weights=[rows.weights for _, rows in blocks],
        )
        return {"users": found.rows, "items": found.columns}


def sum_of_rows(rows: Rows, numbers: Doubles | None = None) -> Doubles:
    """The weighted sum of `numbers` float64[entries] in each row, or of ones: float64[rows]."""
    length = len(rows.indptr) - 1
    owners = np.repeat(np.arange(length), np.diff(rows.indptr))
    counts = np.ones(len(owners)) if rows.weights is None else rows.weights.astype(np.float64)
    # Adds up in order of the entries.
    weights = counts if numbers is None else counts * numbers
    return np.bincount(owners, weights, length).astype(np.float64, copy=False)


def row_means(rows: Rows) -> Doubles:
    """The mean of each row, 0 where there is none: float64[rows]."""
    return mean_of_rows(rows, rows.data.astype(np.float64))


def mean_of_rows(rows: Rows, numbers: Doubles) -> Doubles:
    """The weighted mean of `numbers` float64[entries] in each row, 0 where there is none: float64[rows]."""
    top, bottom = sum_of_rows(rows, numbers), sum_of_rows(rows)
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


@dataclass(frozen=True)
class Descending:
    """Stochastic gradient descent over the ratings in order of user and item, so many times."""

    learning_rate: float
    regularization: float
    epochs: int

    def biases(self, rated: Rated) -> dict[Side, Doubles]:
        """See `Method`."""
        # Here, in the task: numba takes a second to load, and the driver never takes a step.
        from toplists.engine.kernels.bias_descent import descend
        from toplists.engine.kernels.weight_sums import Sparse

        found = _no_biases(rated)
        for _ in range(self.epochs):
            for ref, rows in rated.rows("users"):
                descend(
                    Sparse(rows.indptr, rows.indices, rows.data),
                    rows.weights,
                    rated.mean,
                    found["users"][ref.first : ref.first + ref.rows],
                    found["items"],
                    learning_rate=self.learning_rate,
                    regularization=self.regularization,
                )
        return found


def _no_biases(rated: Rated) -> dict[Side, Doubles]:
    return {"users": np.zeros(rated.users.rows), "items": np.zeros(rated.items.rows)}


def fit_baselines(rated: Rated, method: Method, folder: Path, write: WriteParts) -> Factors:
    """Baselines as factors: (bias, 1) of users, (1, mean + bias) of items.

    Whoever rated nothing, and what nobody rated, has none.

    Raises:
        ConfigurationError: steps were so long that the descent went up, beyond all numbers.
    """
    biases = method.biases(rated)
    if not all(np.isfinite(own).all() for own in biases.values()):
        raise ConfigurationError(
            "The fit diverged: its steps are too long. Lower the model's learning_rate, or its regularization."
        )

    def parts(side: Side) -> tuple[str, ...]:
        def store(ref: BlockRef) -> Arrays:
            own = biases[side][ref.first : ref.first + ref.rows, np.newaxis]
            vectors = Biases(0, rated.mean).store(own.astype(np.float32), side)
            return known_vectors(vectors, rated.rows_of(ref))

        return write(rated.side(side).blocks, store, folder, side)

    return Factors(parts("users"), parts("items"))


def known_vectors(vectors: npt.NDArray[np.float32], rows: Rows) -> Arrays:
    """Vectors of a block as a part of factors; whoever has no value gets none."""
    known = rows.known
    return {"vectors": np.where(known[:, np.newaxis], vectors, np.float32(0)), "known": known}


def deviation_of_values(rated: Rated) -> float:
    """The standard deviation of the values."""
    sums = [
        np.stack((sum_of_rows(rows, _squares(rows.data, rated.mean)), sum_of_rows(rows)))
        for _, rows in rated.rows("users")
    ]
    # Of all rows at once, as the order of a sum must not depend on the blocks.
    squares, count = np.concatenate(sums, axis=1).sum(axis=1)
    return float(np.sqrt(squares / count))


def _squares(values: npt.NDArray[np.float32], mean: float) -> Doubles:
    squares: Doubles = (values.astype(np.float64) - mean) ** 2
    return squares
