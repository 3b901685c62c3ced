"""Co-clustering: values by clusters of users and of items.

George and Merugu, "A scalable collaborative filtering framework based on co-clustering", ICDM 2005.
A value is the mean of the cluster of users and items that it falls into, plus how far its user and its item are
from the means of their own clusters. All is done where it is called, block after block. Sums go first along rows
and then over all rows in order, so that the result does not depend on how the blocks are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.baselines import Doubles, Rated, known_vectors, row_means, sum_of_rows
from toplists.engine.biases import Biases
from toplists.engine.blocks import SIDES, BlockRef, Rows, Side, other_side
from toplists.engine.exchange import WriteParts
from toplists.engine.kernels.draws import derive_seed, hash_ids, random_bits
from toplists.engine.shapes import Factors
from toplists.engine.storage import Arrays

Clusters: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CoClustering:
    """What is to be clustered, into how many of each side, and how many times everybody moves."""

    rated: Rated
    clusters: Mapping[Side, int]
    epochs: int
    seed: int


class _Averages(NamedTuple):
    """Mean values of clusters: float64[user clusters, item clusters], float64 of each side's clusters."""

    together: Doubles
    users: Doubles
    items: Doubles

    def seen_from(self, side: Side) -> _Averages:
        """The same with `side` for users."""
        return self if side == "users" else _Averages(self.together.T, self.items, self.users)


def fit_co_clusters(clustering: CoClustering, folder: Path, write: WriteParts) -> Factors:
    """The clusters as factors: one of the user's cluster, mean values of the item's with all of them."""
    rated = clustering.rated
    own = {side: _first(clustering, side) for side in SIDES}
    means = {
        side: np.concatenate([row_means(rows) for _, rows in rated.rows(side)]) for side in SIDES
    }
    for _ in range(clustering.epochs):
        averages = _averages(clustering, own)
        for side in SIDES:
            own[side] = np.concatenate(
                list(_moved(clustering, averages.seen_from(side), side, own, means))
            )
    averages = _averages(clustering, own)

    def parts(side: Side) -> tuple[str, ...]:
        seen = averages.seen_from(side)

        def store(ref: BlockRef) -> Arrays:
            mine = slice(ref.first, ref.first + ref.rows)
            clusters, bias = own[side][mine], means[side][mine] - seen.users[own[side][mine]]
            width = clustering.clusters["users"]
            vectors = np.eye(width)[clusters] if side == "users" else averages.together.T[clusters]
            solved = np.column_stack((vectors, bias)).astype(np.float32)
            return known_vectors(Biases(width, 0.0).store(solved, side), rated.rows_of(ref))

        return write(rated.side(side).blocks, store, folder, side)

    return Factors(parts("users"), parts("items"))


def _first(clustering: CoClustering, side: Side) -> Clusters:
    """Clusters at random, by the hashes of the ids."""
    seed, count = derive_seed(clustering.seed, side), clustering.clusters[side]
    blocks = clustering.rated.side(side).blocks
    hashes = [hash_ids(ref.open().ids.to_pylist()) for ref in blocks]
    bits = random_bits(np.concatenate(hashes), 1, seed)[:, 0]
    return (bits % np.uint64(count)).astype(np.int64)


def _averages(clustering: CoClustering, own: dict[Side, Clusters]) -> _Averages:
    rated, (n_users, n_items) = clustering.rated, (clustering.clusters[side] for side in SIDES)
    sums, counts = (np.zeros((n_users, n_items)) for _ in range(2))
    by_row = [
        (
            _by_cluster(rows, rows.data, own["items"], n_items),
            _by_cluster(rows, None, own["items"], n_items),
        )
        for _, rows in rated.rows("users")
    ]
    of_rows = [np.concatenate(side) for side in zip(*by_row, strict=True)]
    for total, rows in zip((sums, counts), of_rows, strict=True):
        for column in range(n_items):
            total[:, column] = np.bincount(own["users"], rows[:, column], n_users)

    def mean(top: Doubles, bottom: Doubles) -> Doubles:
        # A cluster that nobody is in is like everybody.
        means: Doubles = np.full(top.shape, rated.mean)
        np.divide(top, bottom, out=means, where=bottom > 0)
        return means

    return _Averages(
        mean(sums, counts),
        mean(sums.sum(axis=1), counts.sum(axis=1)),
        mean(sums.sum(axis=0), counts.sum(axis=0)),
    )


def _moved(
    clustering: CoClustering,
    averages: _Averages,
    side: Side,
    own: dict[Side, Clusters],
    means: dict[Side, Doubles],
) -> Iterator[Clusters]:
    """Block after block, the cluster in which each row's values are predicted best."""
    other = other_side(side)
    of_column = means[other] - averages.items[own[other]]
    for ref, rows in clustering.rated.rows(side):
        owners = np.repeat(np.arange(ref.rows), np.diff(rows.indptr))
        left = rows.data - means[side][ref.first + owners] - of_column[rows.indices]
        moves = averages.together - averages.users[:, np.newaxis]
        errors = [sum_of_rows(rows, (left - move[own[other][rows.indices]]) ** 2) for move in moves]
        yield np.argmin(np.stack(errors), axis=0)


def _by_cluster(
    rows: Rows, values: npt.NDArray[np.float32] | None, clusters: Clusters, count: int
) -> Doubles:
    """The weighted sum of each row's values, or of ones, by the cluster of their column."""
    length = len(rows.indptr) - 1
    cells = np.repeat(np.arange(length), np.diff(rows.indptr)) * count + clusters[rows.indices]
    numbers = np.ones(len(cells)) if values is None else values.astype(np.float64)
    if rows.weights is not None:
        numbers = numbers * rows.weights
    sums = np.bincount(cells, numbers, length * count).reshape(length, count)
    return sums.astype(np.float64, copy=False)
