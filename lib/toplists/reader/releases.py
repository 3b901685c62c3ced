"""Whole releases of a store, former ones among them: two of them can be compared list by list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TypeAlias

LISTS_AT_ONCE = 10_000
"""Of a release, in memory: some ten or twenty megabytes."""

UserItems: TypeAlias = tuple[str, Sequence[str]]
"""A user, and the items of the user's list, best first."""
Pair: TypeAlias = tuple[Sequence[UserItems], Sequence[UserItems]]
"""Lists of an earlier release, and those of a later one for the same users."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of lists: the first `places` of those of a placement."""

    placement: str
    places: int


class KeepsReleases(ABC):
    """Lists of which former releases can be read, too. Methods raise `ListsUnavailableError`."""

    @abstractmethod
    def releases(self) -> list[str]:
        """Names of the releases that are complete; each is called as its run."""

    @abstractmethod
    def pairs(self, before: str, now: str, asked: Asked) -> Iterator[Pair]:
        """All personal lists of two releases, those of some ten thousand users at a time.

        Args:
            before: Name of the earlier release, out of `releases`.
            now: Name of the later one.
            asked: Which lists, and how much of each.

        Returns:
            Lists of the one and of the other. No user is in two pairs.
        """


def side_by_side(before: Iterator[UserItems], now: Iterator[UserItems]) -> Iterator[Pair]:
    """Lists of two releases that come in order of users, cut at the same users."""
    sides = (_Side(before), _Side(now))
    while True:
        for side in sides:
            side.fill()
        ends = [side.last for side in sides if not side.is_over]
        end = min(ends) if ends else None
        first, second = (side.take(end) for side in sides)
        if first or second:
            yield first, second
        if end is None:
            return


class _Side:
    """The next lists of a release."""

    def __init__(self, lists: Iterator[UserItems]) -> None:
        self._lists = lists
        self._next: list[UserItems] = []
        self.is_over = False

    @property
    def last(self) -> str:
        return self._next[-1][0]

    def fill(self) -> None:
        """Have as many as are had at once, or all that there are."""
        self._next += islice(self._lists, LISTS_AT_ONCE - len(self._next))
        self.is_over = len(self._next) < LISTS_AT_ONCE

    def take(self, end: str | None) -> Sequence[UserItems]:
        """The lists up to that user; `None` = all."""
        size = len(self._next)
        if end is not None:
            size = bisect_right(self._next, end, key=itemgetter(0))
        taken, self._next = self._next[:size], self._next[size:]
        return taken
