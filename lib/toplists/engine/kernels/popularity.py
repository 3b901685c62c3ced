"""What the likings of the training part say of items: how popular each is, and which are the head."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from toplists.engine.kernels.outcomes import Counts, Flags, Floats

_HEAD_SHARE = (4, 5)


class Popularity:
    """How popular items are, by who liked them: `raters` int64[n_items], of `users`."""

    def __init__(self, raters: Counts, users: int) -> None:
        self._raters = raters
        self._users = users

    @cached_property
    def places(self) -> Counts:
        """Where each item stands, from 0, equals by position as in serving: int64[n_items]."""
        order = np.argsort(-self._raters, kind="stable")
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        return places

    @cached_property
    def mean_ranks(self) -> Floats:
        """The rank of each item, from 1; of equals the mean of their ranks: float64[n_items]."""
        ascending = np.sort(self._raters)
        below = np.searchsorted(ascending, self._raters, side="left")
        not_above = np.searchsorted(ascending, self._raters, side="right")
        # Equals, the item itself among them, take the ranks behind those above.
        ranks: Floats = len(ascending) - not_above + (not_above - below + 1) / 2
        return ranks

    @cached_property
    def bits(self) -> Floats:
        """What it tells to hear that a user liked an item, as if one did where nobody did: float64[n_items]."""
        bits: Floats = np.log2(self._users / np.maximum(self._raters, 1))
        return bits

    @cached_property
    def tail(self) -> Floats:
        """1 for items outside the head, the fewest most popular that have 80 % of all likings, else 0."""
        in_order = np.empty_like(self._raters)
        in_order[self.places] = self._raters
        before = np.cumsum(in_order) - in_order
        share, whole = _HEAD_SHARE
        outside: Flags = whole * before >= share * in_order.sum()
        return outside[self.places].astype(np.float64)
