"""The strongest directions of what a baseline leaves of the values: a truncated singular value decomposition.

Values that are missing count as the baseline, so that the rest of the matrix is 0 and is never held (Sarwar et
al., "Application of dimensionality reduction in recommender system", WebKDD 2000). Subspace iteration from random
vectors (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011), all where it is
called, block after block. A row's sums are its own and vectors are made orthogonal as a whole, so that the result
does not depend on how the blocks are cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from toplists.engine.baselines import Doubles, Method, Rated, known_vectors
from toplists.engine.biases import Biases
from toplists.engine.blocks import BlockRef, Rows, Side, other_side
from toplists.engine.exchange import WriteParts
from toplists.engine.kernels.draws import hash_ids, random_normals
from toplists.engine.shapes import Factors
from toplists.engine.storage import Arrays

_SPARE = 10
"""Directions beside those that are wanted, so that these come out right after few passes."""


@dataclass(frozen=True)
class Truncation:
    """How many directions of what `baseline` leaves of the values are wanted, after how many passes."""

    rated: Rated
    baseline: Method
    rank: int
    passes: int
    seed: int


def fit_singular_vectors(truncation: Truncation, folder: Path, write: WriteParts) -> Factors:
    """Baseline and directions as factors: each user's values along the directions, and the directions."""
    rated = truncation.rated
    biases = truncation.baseline.biases(rated)

    def times(side: Side, vectors: Doubles) -> Doubles:
        """What the baseline leaves, with `side` for rows, times the other side's vectors."""
        products = [
            _left(
                rows,
                rated.mean + biases[side][ref.first + np.arange(ref.rows)],
                biases[other_side(side)],
            )
            @ vectors
            for ref, rows in rated.rows(side)
        ]
        return np.concatenate(products)

    with threadpool_limits(limits=1):
        items = _start(truncation)
        for _ in range(truncation.passes):
            items = np.linalg.qr(times("items", times("users", np.linalg.qr(items)[0])))[0]
        users = times("users", items)
        strength, turned = np.linalg.eigh(users.T @ users)
        strongest = turned[:, np.argsort(-strength, kind="stable")[: truncation.rank]]
        solved: dict[Side, Doubles] = {"users": users @ strongest, "items": items @ strongest}

    def parts(side: Side) -> tuple[str, ...]:
        def store(ref: BlockRef) -> Arrays:
            mine = slice(ref.first, ref.first + ref.rows)
            own = np.column_stack((solved[side][mine], biases[side][mine])).astype(np.float32)
            stored = Biases(own.shape[1] - 1, rated.mean).store(own, side)
            return known_vectors(stored, rated.rows_of(ref))

        return write(rated.side(side).blocks, store, folder, side)

    return Factors(parts("users"), parts("items"))


def _start(truncation: Truncation) -> Doubles:
    items = truncation.rated.items
    size = min(truncation.rank + _SPARE, items.rows, items.columns)
    hashes = [hash_ids(ref.open().ids.to_pylist()) for ref in items.blocks]
    return random_normals(np.concatenate(hashes), size, truncation.seed)


def _left(rows: Rows, own: Doubles, others: Doubles) -> sp.csr_array:
    """What is left of a block's values, each times its weight: float64[rows, columns]."""
    owners = np.repeat(np.arange(len(own)), np.diff(rows.indptr))
    left = rows.data - own[owners] - others[rows.indices]
    if rows.weights is not None:
        left = left * rows.weights
    return sp.csr_array((left, rows.indices, rows.indptr), (len(own), len(others)))
