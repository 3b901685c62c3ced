"""The best items for users of one block, whatever shape the model has."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from toplists.engine.blocks import Block, Part, tiles
from toplists.engine.kernels.candidates import Candidates, ItemSets, Selection
from toplists.engine.kernels.dense_scores import (
    add_scores,
    add_values,
    no_totals,
    scale_of,
    select_by_totals,
)
from toplists.engine.kernels.factor_scan import select_by_factors
from toplists.engine.kernels.neighbour_ratings import predict_by_items, predict_by_users
from toplists.engine.kernels.products import TILE_ROWS
from toplists.engine.kernels.ranking_walk import select_by_order
from toplists.engine.kernels.vector_tiles import VectorTiles
from toplists.engine.kernels.weight_sums import Sparse, select_by_weights
from toplists.engine.open_ratings import open_ratings
from toplists.engine.scorers import known_items, open_scorer
from toplists.engine.shapes import (
    EVERYBODY,
    LIKED,
    NEIGHBOURS,
    Factors,
    ItemWeights,
    Mixture,
    Ranking,
    RatedNeighbours,
    Shape,
    Transitions,
    UserWeights,
    as_sparse,
    item_weights,
    liked_by_users,
    open_rows,
    open_vectors,
    ranking_scores,
)

Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


class Selector(Protocol):
    """Selects for users of one block, among items that are fixed for all of them."""

    def select(
        self, rows: Rows, candidates: Candidates, k: int, targets: ItemSets | None = None
    ) -> Selection:
        """The k best candidates of some users by (score descending, position ascending).

        The result for a user does not depend on the other users, nor on how anything is cut.

        Args:
            rows: int64[users], their rows in the block, ascending.
            candidates: What each of them may have, a row per user of `rows`.
            k: Length of the lists, at least 1.
            targets: Items of each of them whose score and rank among the candidates are asked for.
        """
        ...


class FactorSelector:
    """Selects by the product of user and item vectors; whoever has none is not scored."""

    def __init__(self, shape: Factors, block: Block, listable: Flags, tile_bytes: int) -> None:
        """Open the item vectors, and the user vectors of `block`."""
        self._users, self._known = open_vectors(shape.users[block.ref.index])
        self._items = _vector_tiles(shape.items, listable.tobytes(), tile_bytes)
        self._rounded = shape.rounded

    def select(
        self, rows: Rows, candidates: Candidates, k: int, targets: ItemSets | None = None
    ) -> Selection:
        """See `Selector`."""
        users = np.array(self._users[rows])
        users[~self._known[rows]] = np.nan
        return select_by_factors(
            users, self._items, candidates, k, rounded=self._rounded, targets=targets
        )


class WeightSelector:
    """Selects by weighted rows: of the neighbours of what a user liked, or of what neighbours like."""

    def __init__(self, history: Sparse, weights: Sparse, listable: Flags) -> None:
        """Take what counts of each user of a block, and the weights of items for each of these."""
        self._history, self._weights, self._listable = history, weights, listable

    def select(
        self, rows: Rows, candidates: Candidates, k: int, targets: ItemSets | None = None
    ) -> Selection:
        """See `Selector`."""
        history = self._history.of(rows)
        return select_by_weights(
            history, self._weights, self._listable, candidates, k, targets=targets
        )


class RatedSelector:
    """Selects by values that are predicted from the ratings of similar users, or of similar items."""

    def __init__(self, shape: RatedNeighbours, block: Block, listable: Flags) -> None:
        """Open the neighbours, and the levels and ratings that they have."""
        self._listable, self._by_users = listable, shape.by == "users"
        self._ratings = open_ratings(shape, block)

    def select(
        self, rows: Rows, candidates: Candidates, k: int, targets: ItemSets | None = None
    ) -> Selection:
        """See `Selector`."""
        predict = predict_by_users if self._by_users else predict_by_items
        return predict(
            *self._ratings.of(rows),
            self._listable,
            candidates,
            k,
            targets=targets,
        )


class RankingSelector:
    """Selects by the ranking for everybody."""

    def __init__(self, shape: Ranking, listable: Flags) -> None:
        """Put the items in order."""
        scores = ranking_scores(shape)[shape.segments.index(EVERYBODY)].astype(np.float64)
        # Stable: positions are in the order of the ids.
        order = np.argsort(-scores, kind="stable").astype(np.int32)
        self._order = order[listable[order] & np.isfinite(scores[order])]
        self._scores = scores[self._order]
        self._n_items = len(listable)

    def select(
        self,
        rows: Rows,  # noqa: ARG002  (the same for everybody)
        candidates: Candidates,
        k: int,
        targets: ItemSets | None = None,
    ) -> Selection:
        """See `Selector`."""
        return select_by_order(
            self._order, self._scores, self._n_items, candidates, k, targets=targets
        )


class MixtureSelector:
    """Selects by the weighted sum of what several models say of all items."""

    def __init__(self, shape: Mixture, block: Block, part: Part, listable: Flags) -> None:
        """Open the members for the users of `block`, with their history in `part`."""
        self._listable, self._standardized = listable, shape.standardized
        n_items = len(listable)
        scorers = (open_scorer(member, block, part, n_items) for member in shape.members)
        known = (known_items(member, n_items) for member in shape.members)
        self._members = list(zip(scorers, known, shape.weights, strict=True))

    def select(
        self, rows: Rows, candidates: Candidates, k: int, targets: ItemSets | None = None
    ) -> Selection:
        """See `Selector`."""
        found = []
        seen, allowed = candidates
        for some in tiles(max(1, len(rows)), TILE_ROWS):
            own, batch = rows[some], np.arange(some.start, min(some.stop, len(rows)))
            totals = no_totals(len(own), len(self._listable))
            for scores_of, known, weight in self._members:
                scores = scores_of(own)
                if self._standardized:
                    add_scores(scores, scale_of(scores, known), weight, totals)
                else:
                    add_values(scores, weight, totals)
            masks = Candidates(seen.of(batch), None if allowed is None else allowed.of(batch))
            asked = None if targets is None else targets.of(batch)
            found.append(select_by_totals(totals, self._listable, masks, k, targets=asked))
        return Selection(*map(np.concatenate, zip(*found, strict=True)))


def open_selector(
    shape: Shape, block: Block, part: Part, listable: Flags, tile_bytes: int
) -> Selector:
    """The selector of a fitted model for one block of users.

    Args:
        shape: The fitted model.
        block: The users.
        part: Which of their interactions are their history.
        listable: bool[n_items], which items may be chosen at all.
        tile_bytes: Memory for the item vectors that are held at a time.
    """
    match shape:
        case Factors():
            return FactorSelector(shape, block, listable, tile_bytes)
        case Transitions():
            recent = open_rows(shape.users[block.ref.index], LIKED)
            return WeightSelector(recent, as_sparse(item_weights(shape)), listable)
        case ItemWeights():
            liked = Sparse(*block.learnt("liked", part)[:3])
            return WeightSelector(liked, as_sparse(item_weights(shape)), listable)
        case Ranking():
            return RankingSelector(shape, listable)
        case UserWeights():
            neighbours = open_rows(shape.users[block.ref.index], NEIGHBOURS)
            return WeightSelector(neighbours, liked_by_users(shape), listable)
        case Mixture():
            return MixtureSelector(shape, block, part, listable)
        case RatedNeighbours():
            return RatedSelector(shape, block, listable)


@lru_cache(maxsize=2)
def _vector_tiles(parts: tuple[str, ...], listable: bytes, tile_bytes: int) -> VectorTiles:
    """The item vectors of a model, opened and ordered once per worker."""
    vectors, known = zip(*map(open_vectors, parts), strict=True)
    usable = np.concatenate(known) & np.frombuffer(listable, dtype=np.bool_)
    return VectorTiles(vectors, usable, tile_bytes)
