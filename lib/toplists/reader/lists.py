"""What every reader of published lists can be asked, wherever the lists lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from toplists.reader.layouts import PERSONAL, POPULAR, ListTable
from toplists.reader.records import Publication, RecommendationList


class Lists(ABC):
    """The lists of whatever run is live at each question; safe to share between threads.

    Every answer comes from one run, and says from which. All methods raise `ListsUnavailableError` if the
    lists cannot be read, and `ValueError` for an id that is not valid Unicode.
    """

    @abstractmethod
    def publication(self) -> Publication | None:
        """What is live; `None` if nothing was published yet."""

    @abstractmethod
    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """The list of one user; popular items, marked as `fallback`, for a user without one.

        Args:
            user_id: The user, letter by letter as the id came in.
            placement: Where the list is shown.
            segment: Whose popular items a user without a list gets; those of everybody where the segment has
                none.

        Returns:
            The list; `None` if nothing was published yet, or nothing for that placement.
        """

    @abstractmethod
    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """The items most like one item; `None` for an item without such a list."""

    @abstractmethod
    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """The most popular items of a segment of users; `all` is everybody."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and files. Nothing is to be asked afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def own_or_popular(
    find: Callable[[ListTable, str], RecommendationList | None], user_id: str, segment: str
) -> RecommendationList | None:
    """What `Lists.user` answers, by what finds a list of one run by its key."""
    own = find(PERSONAL, user_id)
    if own is not None:
        return own
    popular = find(POPULAR, segment) or find(POPULAR, "all")
    return None if popular is None else replace(popular, fallback=True)
