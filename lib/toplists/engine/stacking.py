"""Weighted sums of factors that predict values: by which weights, and as factors again.

Wolpert, "Stacked generalization", 1992; Breiman, "Stacked regressions", 1996. A sum of products is a
product: vectors stand side by side, those of users times their weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.ordered_sums import Subtree, add_up, as_chunks, sum_rows
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import Arrays, bring_here, open_array

Doubles = npt.NDArray[np.float64]

_ENTRIES_AT_A_TIME = 65_536


@dataclass(frozen=True)
class Stacking:
    """Factors of several models, and the `mean` of the values that they learnt from."""

    members: tuple[Factors, ...]
    mean: float

    def weights(
        self, spark: SparkSession, users: BlockSet, penalty: float, folder: Path
    ) -> tuple[float, ...]:
        """The weights that predict what is held out of the blocks best, by ridge regression.

        Values and predictions count as differences from the mean; the penalty is on how far weights are
        from equal ones.

        Args:
            spark: The session.
            users: The blocks of users.
            penalty: Above 0.
            folder: Where sums are exchanged; every executor sees it.
        """
        parts = write_parts(spark, users.blocks, self.sum_block, folder, "sums")
        bring_here(parts, "places", "totals")
        subtrees = [
            Subtree(int(level), int(place), total)
            for part in parts
            for (level, place), total in zip(
                open_array(part, "places"), open_array(part, "totals"), strict=True
            )
        ]
        size = len(self.members)
        products = add_up(subtrees).reshape(size + 1, size + 1)
        equal = np.full(size, penalty / size)
        solved = np.linalg.solve(
            products[:-1, :-1] + penalty * np.eye(size), products[:-1, -1] + equal
        )
        return tuple(solved.tolist())

    def sum_block(self, ref: BlockRef) -> Arrays:
        """Of the held-out values of a block: products of what each member predicts, and the value."""
        indptr, items, _, values = ref.open().held_out()
        rows = np.repeat(np.arange(ref.rows), np.diff(indptr))
        table = np.empty((len(items), len(self.members) + 1))
        table[:, -1] = values - self.mean
        usable = ~np.isnan(values)
        for column, member in enumerate(self.members):
            users, users_known = open_vectors(member.users[ref.index])
            vectors, known = (
                np.concatenate(arrays)
                for arrays in zip(*map(open_vectors, member.items), strict=True)
            )
            usable &= users_known[rows] & known[items]
            for some in tiles(len(items), _ENTRIES_AT_A_TIME):
                scores = np.einsum("ij,ij->i", users[rows[some]], vectors[items[some]])
                table[some, column] = scores - self.mean
        table[~usable] = 0
        entries = (np.ones(len(items)), np.arange(len(items)), indptr)
        by_row = sp.csr_array(entries, shape=(ref.rows, len(items)))
        size = table.shape[1] ** 2
        products = (table[:, :, np.newaxis] * table[:, np.newaxis]).reshape(-1, size)
        sums = np.asarray(by_row @ products)

        def sums_of_chunks(own: slice) -> Doubles:
            totals: Doubles = as_chunks(sums[own]).sum(axis=1)
            return totals

        subtrees = sum_rows(ref.first, ref.rows, sums_of_chunks)
        return {
            "places": np.array([(level, place) for level, place, _ in subtrees]).reshape(-1, 2),
            "totals": np.array([total for _, _, total in subtrees]).reshape(len(subtrees), -1),
        }

    def join(self, spark: SparkSession, weights: Sequence[float], folder: Path) -> Factors:
        """The factors of the weighted sum, as parts of the same blocks."""
        # Users have a 1 for what the mean is short of.
        rest = self.mean * (1 - sum(weights))
        joined = (
            write_parts(
                spark,
                list(zip(*sides, strict=True)),
                partial(_side_by_side, factors, last),
                folder,
                name,
            )
            for name, sides, factors, last in (
                ("users", [member.users for member in self.members], weights, 1.0),
                ("items", [member.items for member in self.members], [1.0] * len(weights), rest),
            )
        )
        return Factors(*joined)


def _side_by_side(weights: Sequence[float], last: float, parts: Sequence[str]) -> Arrays:
    vectors, known = zip(*map(open_vectors, parts), strict=True)
    everybody = np.logical_and.reduce(known)
    weighted = [np.float32(weight) * one for weight, one in zip(weights, vectors, strict=True)]
    ends = np.full((len(everybody), 1), last, dtype=np.float32)
    joined = np.concatenate([*weighted, ends], axis=1)
    joined[~everybody] = 0
    return {"vectors": joined, "known": everybody}
