"""The fallback: rankings that fill what the model leaves short, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.dataset.segments import Segments
from toplists.engine.shapes import EVERYBODY, Ranking, ranking_scores

_ORDERS_KEPT = 256
Order: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Fallback:
    """Rankings by the name of the source that their items have in a list, in the order of use.

    `segments` says who is in which segment. A ranking has a list for the segments that it names; one
    that names `EVERYBODY` has that list for all others.
    """

    chain: tuple[tuple[str, Ranking], ...]
    segments: Segments

    @property
    def sources(self) -> tuple[str, ...]:
        """The names, in the order of use."""
        return tuple(name for name, _ in self.chain)


class Filler:
    """Fills lists from a fallback, the same for a given segment whatever the task."""

    def __init__(self, fallback: Fallback, listable: npt.NDArray[np.bool_]) -> None:
        """Open the rankings; only items of `listable` bool[n_items] are taken from them."""
        self._fallback = fallback
        self._listable = listable
        self._order = lru_cache(maxsize=_ORDERS_KEPT)(self._sort)

    def fill(
        self,
        items: npt.NDArray[np.int32],
        scores: npt.NDArray[np.float64],
        sources: npt.NDArray[np.int8],
        *,
        seen: npt.NDArray[np.int32],
        segment: int,
        allowed: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Append to one list, in place, what is neither in it nor seen, and of `allowed` if that is given.

        Args:
            items: int32[n], best first, -1 behind the end.
            scores: float64[n].
            sources: int8[n]; what the k-th ranking adds gets k + 1.
            seen: Items not to be listed.
            segment: The user's, by its place among the segments.
            allowed: int32[…], the only items that may be listed.
        """
        have = int(np.count_nonzero(items >= 0))
        for place in range(len(self._fallback.chain)):
            if have == len(items):
                return
            order, values = self._order(place, segment)
            if allowed is None:
                # No more of the front than this can be excluded: there is enough, or nothing behind it.
                front = slice(0, len(items) + len(seen))
                order, values = order[front], values[front]
            else:
                open_to_user = np.isin(order, allowed)
                order, values = order[open_to_user], values[open_to_user]
            free = ~np.isin(order, seen) & ~np.isin(order, items[:have])
            added = order[free][: len(items) - have]
            filled = slice(have, have + len(added))
            items[filled] = added
            scores[filled] = values[free][: len(added)]
            sources[filled] = place + 1
            have += len(added)

    def _sort(self, place: int, segment: int) -> Order:
        """What the ranking at `place` has for a segment, best first; ties by item id."""
        ranking = self._fallback.chain[place][1]
        row = _row(ranking, self._fallback.segments.names[segment])
        if row is None:
            return np.empty(0, dtype=np.int32), np.empty(0)
        scores = np.where(self._listable, ranking_scores(ranking)[row], np.float32(-np.inf))
        # Stable: positions are in the order of the ids.
        order = np.argsort(-scores, kind="stable").astype(np.int32)
        listed = order[np.isfinite(scores[order])]
        return listed, scores[listed].astype(np.float64)


def _row(ranking: Ranking, segment: str) -> int | None:
    for name in (segment, EVERYBODY):
        if name in ranking.segments:
            return ranking.segments.index(name)
    return None
