"""What one model says of all items for some users of a block, laid out densely."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.blocks import Block, Part
from toplists.engine.kernels.neighbour_ratings import values_by_items, values_by_users
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.open_ratings import open_ratings
from toplists.engine.shapes import (
    EVERYBODY,
    LIKED,
    NEIGHBOURS,
    Factors,
    ItemWeights,
    Member,
    Ranking,
    RatedNeighbours,
    Transitions,
    UserWeights,
    item_weights,
    liked_by_users,
    open_rows,
    open_vectors,
    ranking_scores,
)

Floats = npt.NDArray[np.float32]

Scorer: TypeAlias = Callable[[npt.NDArray[np.int64]], Floats]
"""Scores float32[users, n_items] of the users in rows int64[users] of a block; NaN = none."""


def open_scorer(member: Member, block: Block, part: Part, n_items: int) -> Scorer:
    """The scorer of a fitted model for one block of users, with their history in `part`.

    A row of scores does not depend on which others are asked for.
    """
    match member:
        case Factors():
            return _by_factors(member, block)
        case Transitions():
            recent = open_rows(member.users[block.ref.index], LIKED)
            return _by_weights(_matrix(recent, n_items), item_weights(member))
        case ItemWeights():
            return _by_weights(block.trained(part, n_items), item_weights(member))
        case UserWeights():
            neighbours = open_rows(member.users[block.ref.index], NEIGHBOURS)
            likings = liked_by_users(member)
            n_users = len(likings.indptr) - 1
            return _by_weights(_matrix(neighbours, n_users), _matrix(likings, n_items))
        case Ranking():
            return _by_ranking(member)
        case RatedNeighbours():
            return _by_ratings(member, block)


@lru_cache(maxsize=8)
def known_items(member: Member, n_items: int) -> npt.NDArray[np.bool_]:
    """Which items a model knows anything of: bool[n_items].

    A score of 0 tells an item that is not for the user from one that nobody had to do with no more than by
    this. Shapes with no score (NaN) of what they do not know leave it at that.
    """
    match member:
        case ItemWeights():
            weights = item_weights(member)
            known = np.diff(weights.indptr) > 0
            known[weights.indices] = True
            return known
        case UserWeights():
            known = np.zeros(n_items, dtype=np.bool_)
            known[liked_by_users(member).columns] = True
            return known
        case Factors() | Ranking() | RatedNeighbours():
            return np.ones(n_items, dtype=np.bool_)


def _by_factors(model: Factors, block: Block) -> Scorer:
    users, known = open_vectors(model.users[block.ref.index])
    items, known_items = _item_vectors(model.items)

    def score(rows: npt.NDArray[np.int64]) -> Floats:
        scores = multiply_rows(users[rows], items)
        scores[~known[rows]] = np.nan
        scores[:, ~known_items] = np.nan
        return scores

    return score


@lru_cache(maxsize=4)
def _item_vectors(parts: tuple[str, ...]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The item vectors of a model as columns, put together once per worker, and who has one."""
    vectors, known = zip(*map(open_vectors, parts), strict=True)
    return np.ascontiguousarray(np.concatenate(vectors).T), np.concatenate(known)


def _by_weights(history: sp.csr_array, weights: sp.csr_array) -> Scorer:
    return lambda rows: (history[rows] @ weights).toarray().astype(np.float32, copy=False)


def _matrix(rows: Sparse, columns: int) -> sp.csr_array:
    shape = (len(rows.indptr) - 1, columns)
    return sp.csr_array((rows.values, rows.columns, rows.indptr), shape)


def _by_ranking(model: Ranking) -> Scorer:
    scores = ranking_scores(model)[model.segments.index(EVERYBODY)]
    return lambda rows: np.tile(scores, (len(rows), 1))


def _by_ratings(model: RatedNeighbours, block: Block) -> Scorer:
    ratings = open_ratings(model, block)
    if model.by == "users":
        return lambda rows: values_by_users(*ratings.of(rows))
    return lambda rows: values_by_items(*ratings.of(rows))
