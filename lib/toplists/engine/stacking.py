"""Weighted sums of models that predict values: by which weights, and as one shape again.

Wolpert, "Stacked generalization", 1992; Breiman, "Stacked regressions", 1996. A sum of products is a
product: vectors stand side by side, those of users times their weight. Other shapes are mixed with them.
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

from toplists.engine.blocks import Block, BlockRef, BlockSet, HeldOut, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.ordered_sums import Subtree, add_up, as_chunks, sum_rows
from toplists.engine.kernels.products import TILE_ROWS
from toplists.engine.scorers import open_scorer
from toplists.engine.shapes import Factors, Member, Mixture, open_vectors
from toplists.engine.storage import Arrays, bring_here, open_array, open_whole

Doubles = npt.NDArray[np.float64]

_ENTRIES_AT_A_TIME = 65_536


@dataclass(frozen=True)
class Stacking:
    """Shapes of several models, and the `mean` of the values that they learnt from."""

    members: tuple[Member, ...]
    mean: float

    def weights(
        self, spark: SparkSession, users: BlockSet, penalty: float, folder: Path
    ) -> tuple[tuple[float, ...], int]:
        """The weights that predict what is held out of the blocks best, by ridge regression, and from how much.

        Values and predictions count as differences from the mean, each as much as its rating does; the
        penalty is on how far weights are from equal ones.

        Args:
            spark: The session.
            users: The blocks of users.
            penalty: Above 0.
            folder: Where sums are exchanged; every executor sees it.

        Returns:
            The weights, equal ones where there is nothing to learn from, and how many held-out values count:
            those that all members predict.
        """
        add_block = partial(self.sum_block, users.columns)
        parts = write_parts(spark, users.blocks, add_block, folder, "sums")
        bring_here(parts, "places", "totals", "counted")
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
        counted = sum(int(open_array(part, "counted")[0]) for part in parts)
        return tuple(solved.tolist()), counted

    def sum_block(self, n_items: int, ref: BlockRef) -> Arrays:
        """Of the held-out values of a block of users: products of what each member predicts, and the value."""
        block = ref.open()
        held_out = block.held_out()
        counts = len(held_out.items)
        table = np.column_stack(
            [*(_predicted(one, block, held_out, n_items) for one in self.members), held_out.values]
        )
        table -= self.mean
        is_known = ~np.isnan(table).any(axis=1)
        table[~is_known] = 0
        weights = np.ones(counts) if held_out.weights is None else held_out.weights
        entries = (weights, np.arange(counts), held_out.indptr)
        by_row = sp.csr_array(entries, shape=(ref.rows, counts))
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
            "counted": np.array([np.count_nonzero(is_known & (weights > 0))]),
        }

    def join(
        self,
        spark: SparkSession,
        weights: Sequence[float],
        blocks: tuple[BlockSet, BlockSet],
        folder: Path,
    ) -> Factors | Mixture:
        """The weighted sum, as parts of the same `blocks` of users and items.

        It is one of factors, where all members are; else these are one member among the others.
        """
        factors, others = [], []
        for member, weight in zip(self.members, weights, strict=True):
            if isinstance(member, Factors):
                factors.append((member, weight))
            else:
                others.append((member, weight))
        # Users have a 1 for what the mean is short of.
        rest = self.mean * (1 - sum(weights))
        own = [weight for _, weight in factors]
        joined = Factors(
            *(
                write_parts(
                    spark,
                    [(ref, tuple(part[ref.index] for part in parts)) for ref in side.blocks],
                    partial(_side_by_side, scales, last),
                    folder,
                    name,
                )
                for name, side, parts, scales, last in (
                    ("users", blocks[0], [one.users for one, _ in factors], own, 1.0),
                    ("items", blocks[1], [one.items for one, _ in factors], [1.0] * len(own), rest),
                )
            )
        )
        if not others:
            return joined
        members, shares = zip((joined, 1.0), *others, strict=True)
        return Mixture(members, shares, standardized=False)


def _predicted(member: Member, block: Block, held_out: HeldOut, n_items: int) -> Doubles:
    """What a member predicts of the held-out values of a block; NaN = nothing."""
    rows, items = np.repeat(np.arange(block.ref.rows), np.diff(held_out.indptr)), held_out.items
    predicted = np.empty(len(items))
    if isinstance(member, Factors):
        users, users_known = open_vectors(member.users[block.ref.index])
        vectors, known = (open_whole(member.items, name) for name in ("vectors", "known"))
        for some in tiles(len(items), _ENTRIES_AT_A_TIME):
            predicted[some] = np.einsum("ij,ij->i", users[rows[some]], vectors[items[some]])
        predicted[~(users_known[rows] & known[items])] = np.nan
        return predicted
    values_of = open_scorer(member, block, "train", n_items)
    for some in tiles(block.ref.rows, TILE_ROWS):
        own = np.arange(some.start, some.stop)
        entries = slice(held_out.indptr[some.start], held_out.indptr[some.stop])
        predicted[entries] = values_of(own)[rows[entries] - some.start, items[entries]]
    return predicted


def _side_by_side(
    weights: Sequence[float], last: float, piece: tuple[BlockRef, tuple[str, ...]]
) -> Arrays:
    """The vectors of a block, from its parts in all members."""
    ref, parts = piece
    opened = [open_vectors(part) for part in parts]
    known = np.logical_and.reduce([np.ones(ref.rows, dtype=np.bool_), *(one for _, one in opened)])
    weighted = [np.float32(weight) * one for weight, (one, _) in zip(weights, opened, strict=True)]
    ends = np.full((ref.rows, 1), last, dtype=np.float32)
    joined = np.concatenate([*weighted, ends], axis=1)
    joined[~known] = 0
    return {"vectors": joined, "known": known}
