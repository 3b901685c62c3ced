"""Scores of a tile of users for all items, whatever shape the model has."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.blocks import Block, Part
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.shapes import (
    EVERYBODY,
    Factors,
    ItemWeights,
    Ranking,
    Shape,
    item_factors,
    item_weights,
    open_vectors,
    ranking_scores,
)


class Scorer(Protocol):
    """Scores users of one block."""

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """float32[len(rows), n_items] for users of the block; -inf = cannot be scored."""
        ...


class FactorScorer:
    """Scores by product of user and item vectors."""

    def __init__(self, shape: Factors, block: Block) -> None:
        """Open the item vectors, and the user vectors of `block`."""
        self._users, self._known_users = open_vectors(shape.users[block.ref.index])
        self._items, self._known_items = item_factors(shape)

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        users = self._users[rows]
        known = self._known_users[rows]
        scores = multiply_rows(users, self._items.T)
        scores[:, ~self._known_items] = -np.inf
        scores[~known] = -np.inf
        return scores


class ItemWeightsScorer:
    """Scores by the weighted neighbours of what the user liked."""

    def __init__(self, shape: ItemWeights, block: Block, part: Part) -> None:
        """Open the weights, and the history of `block`'s users in `part`."""
        self._weights = item_weights(shape)
        self._history: sp.csr_array = block.trained(part, self._weights.shape[0])

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        scores: npt.NDArray[np.float32] = (self._history[rows] @ self._weights).toarray()
        scores[scores == 0] = -np.inf
        return scores


class RankingScorer:
    """The same scores for everybody."""

    def __init__(self, shape: Ranking) -> None:
        """Open the ranking's list for everybody."""
        self._scores = ranking_scores(shape)[shape.segments.index(EVERYBODY)]

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        return np.tile(self._scores, (rows.stop - rows.start, 1))


def open_scorer(shape: Shape, block: Block, part: Part) -> Scorer:
    """The scorer of a fitted model for one block of users."""
    match shape:
        case Factors():
            return FactorScorer(shape, block)
        case ItemWeights():
            return ItemWeightsScorer(shape, block, part)
        case Ranking():
            return RankingScorer(shape)
