"""Scores of a tile of users for all items, whatever shape the model has."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.blocks import Block, Part
from toplists.engine.exchange import (
    StagedShape,
    item_factors,
    item_weights,
    ranking_scores,
    user_factors,
)

TILE_ROWS = 128
"""Rows of a matrix product. Always the same, padded where needed: a product's rounding depends on its
shape, and a user's scores must not depend on who shares the tile."""


class Scorer(Protocol):
    """Scores users of one block."""

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """float32[len(rows), n_items] for users of the block; -inf = cannot be scored."""
        ...


class FactorScorer:
    """Scores by product of user and item vectors."""

    def __init__(self, staged: StagedShape, block: Block) -> None:
        """Open the item vectors, and the user vectors of `block`."""
        ref = block.ref
        self._users, self._known_users = user_factors(staged, ref.index, ref.first, ref.rows)
        self._items, self._known_items = item_factors(staged)

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        users = self._users[rows]
        known = self._known_users[rows]
        if users.shape[1] != self._items.shape[1]:
            return np.full((len(users), len(self._items)), -np.inf, dtype=np.float32)
        tile = np.zeros((TILE_ROWS, users.shape[1]), dtype=np.float32)
        tile[: len(users)] = users
        scores: npt.NDArray[np.float32] = (tile @ self._items.T)[: len(users)]
        scores[:, ~self._known_items] = -np.inf
        scores[~known] = -np.inf
        return scores


class ItemWeightsScorer:
    """Scores by the weighted neighbours of what the user liked."""

    def __init__(self, staged: StagedShape, block: Block, part: Part) -> None:
        """Open the weights, and the history of `block`'s users in `part`."""
        self._weights = item_weights(staged)
        self._history: sp.csr_array = block.trained(part, staged.n_items)

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        scores: npt.NDArray[np.float32] = (self._history[rows] @ self._weights).toarray()
        scores[scores == 0] = -np.inf
        return scores


class RankingScorer:
    """The same scores for everybody."""

    def __init__(self, staged: StagedShape) -> None:
        """Open the ranking."""
        self._scores = ranking_scores(staged)

    def scores(self, rows: slice) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        return np.tile(self._scores, (rows.stop - rows.start, 1))


def open_scorer(staged: StagedShape, block: Block, part: Part) -> Scorer:
    """The scorer of a staged model for one block of users."""
    match staged.kind:
        case "factors":
            return FactorScorer(staged, block)
        case "item_weights":
            return ItemWeightsScorer(staged, block, part)
        case "ranking":
            return RankingScorer(staged)
    raise ValueError(f"unknown shape {staged.kind}")
