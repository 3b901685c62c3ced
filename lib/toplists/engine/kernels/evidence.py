"""What the metrics of one block of users share, worked out once: where held-out items stand in lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toplists.engine.kernels.outcomes import Counts, Flags, Floats, ItemTraits, Outcomes
from toplists.engine.kernels.popularity import Popularity

_COMPARISONS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Hits:
    """Relevant items found up to a cutoff, by user, then rank.

    `users`, `ranks` (from 0) and `targets` int64[hits]; `relevant` int64[n_users], how many could have
    been found with a list that is long enough.
    """

    users: Counts
    ranks: Counts
    targets: Counts
    relevant: Counts
    cutoff: int

    def count(self) -> Counts:
        """By user."""
        return np.bincount(self.users, minlength=len(self.relevant))

    def before(self) -> Counts:
        """How many of its user come before each."""
        return np.arange(len(self.users)) - np.searchsorted(self.users, self.users)

    def sum(self, gains: Floats) -> Floats:
        """The sum of what each hit gains, by user.

        bincount adds in the order given, which is by rank: the same sum in any block, and the same as
        the ideal's where every rank is a hit.
        """
        total = np.bincount(self.users, weights=gains, minlength=len(self.relevant))
        return total.astype(np.float64)

    def attainable(self) -> Counts:
        """The most hits that a list of this length can have, by user."""
        return np.minimum(self.relevant, self.cutoff)

    def counted(self) -> Flags:
        """Who has anything to find."""
        return self.relevant > 0


@dataclass(frozen=True)
class Listed:
    """Entries of lists up to a cutoff, by user, then rank.

    `users` and `items` int64[entries]; `lengths` int64[n_users].
    """

    users: Counts
    items: Counts
    lengths: Counts

    def of(self, items: Flags) -> Listed:
        """The entries that are some items, bool[n_items]."""
        kept = items[self.items]
        users = self.users[kept]
        return Listed(users, self.items[kept], np.bincount(users, minlength=len(self.lengths)))

    def mean(self, gains: Floats) -> Floats:
        """The mean of what each entry gains, by user; 0 for a user without a list.

        `gains` float64[n_items], of each item.
        """
        total = np.bincount(self.users, gains[self.items], minlength=len(self.lengths))
        return ratio(total.astype(np.float64), self.lengths)


class Evidence:
    """Outcomes of a block with what several metrics ask of them."""

    def __init__(self, outcomes: Outcomes, traits: ItemTraits) -> None:
        self.outcomes = outcomes
        self.traits = traits
        self._liked: dict[int, Hits] = {}
        self._listed: dict[int, Listed] = {}

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.outcomes.lists)

    @cached_property
    def owners(self) -> Counts:
        """The user of each held-out item: int64[n_targets]."""
        return np.repeat(np.arange(self.users), np.diff(self.outcomes.indptr))

    def count(self, targets: Flags) -> Counts:
        """How many of some held-out items each user has: int64[n_users]."""
        return np.bincount(self.owners[targets], minlength=self.users)

    def sum(self, targets: Flags, gains: Floats) -> Floats:
        """The sum over some held-out items, by user; `gains` float64 of these."""
        total = np.bincount(self.owners[targets], weights=gains, minlength=self.users)
        return total.astype(np.float64)

    @cached_property
    def valued(self) -> Flags:
        """Which held-out items have a value."""
        return np.isfinite(self.outcomes.values)

    @cached_property
    def predicted(self) -> Flags:
        """Which held-out items have a value and a score."""
        return self.valued & np.isfinite(self.outcomes.scores)

    @cached_property
    def popularity(self) -> Popularity:
        """What the likings of the training part say of items."""
        return Popularity(self.traits.raters, self.traits.users)

    @cached_property
    def described(self) -> Flags:
        """Which items have features: bool[n_items]."""
        described: Flags = np.count_nonzero(self.traits.features, axis=1) > 0
        return described

    def hits(self, cutoff: int) -> Hits:
        """The held-out likings that are in the lists."""
        if cutoff not in self._liked:
            self._liked[cutoff] = self.hits_of(self.outcomes.liked, cutoff)
        return self._liked[cutoff]

    def hits_of(self, relevant: Flags, cutoff: int) -> Hits:
        """Those of some held-out items, bool[n_targets], that are in the lists."""
        targets, ranks = self._found
        wanted = relevant[targets] & (ranks < cutoff)
        targets, ranks = targets[wanted], ranks[wanted]
        return Hits(self.owners[targets], ranks, targets, self.count(relevant), cutoff)

    @cached_property
    def _found(self) -> tuple[Counts, Counts]:
        """Every held-out item that is in its user's list, and its rank (from 0), by user, then rank."""
        lists, items = self.outcomes.lists, self.outcomes.items
        found = []
        step = max(1, _COMPARISONS_AT_ONCE // lists.shape[1])
        for start in range(0, len(items), step):
            part = slice(start, start + step)
            rows, ranks = np.nonzero(lists[self.owners[part]] == items[part, np.newaxis])
            found.append((rows + start, ranks))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        targets, ranks = (np.concatenate(column) for column in zip(*found, strict=True))
        if np.any(targets[1:] == targets[:-1]):
            raise ValueError("a list holds the same held-out item twice")
        order = np.lexsort((ranks, self.owners[targets]))
        return targets[order], ranks[order]

    def listed(self, cutoff: int) -> Listed:
        """What the lists hold."""
        if cutoff not in self._listed:
            lists = self.outcomes.lists[:, :cutoff]
            taken = lists >= 0
            users, _ = np.nonzero(taken)
            self._listed[cutoff] = Listed(users, lists[taken].astype(np.int64), taken.sum(axis=1))
        return self._listed[cutoff]


def ratio(numerators: Floats | Counts, denominators: Floats | Counts) -> Floats:
    """The quotient; 0 where the denominator is 0."""
    quotient: Floats = np.divide(
        numerators, denominators, out=np.zeros(len(numerators)), where=denominators != 0
    )
    return quotient
