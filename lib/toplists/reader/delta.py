"""Lists read straight from the tables of a lake: no server, and what only a lake knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TypeVar

from toplists.reader.following import Following
from toplists.reader.lists import Lists
from toplists.reader.live import LiveLists
from toplists.reader.pointer import Pointer
from toplists.reader.records import (
    CatalogueItem,
    Interaction,
    Publication,
    RecommendationList,
)

Answer = TypeVar("Answer")


def open_delta(path_of_dataset: str | PathLike[str]) -> DeltaLists:
    """The published lists of the dataset in that folder, whether it has published yet or not.

    Open them in the process that reads: the connection does not survive a fork.
    """
    return DeltaLists(Path(path_of_dataset))


class DeltaLists(Lists):
    """What `Lists` promises, and the catalogue, the users' history and earlier publications.

    Every method looks at the pointer first, then reads the run it names, so an answer is never put
    together from two runs. Where several answers must agree with one another, ask for them in one
    `read`.
    """

    def __init__(self, root: Path) -> None:
        """See `open_delta`."""
        self._root = root
        self._live = Following(Pointer(root).last, lambda published: LiveLists(root, published))

    def publication(self) -> Publication | None:
        """See `Lists`."""
        return self._live.named()

    def publications(self) -> list[Publication]:
        """Every move of the pointer, oldest first."""
        return Pointer(self._root).history()

    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """See `Lists`."""
        return self.read(lambda live: live.user(user_id, placement, segment))

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """See `Lists`."""
        return self.read(lambda live: live.similar(item_id, placement))

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """See `Lists`."""
        return self.read(lambda live: live.popular(segment, placement))

    def items(self, ids: Iterable[str]) -> dict[str, CatalogueItem]:
        """Those of the items that the catalogue knows, by id."""
        wanted = list(ids)
        return self.read(lambda live: live.items(wanted)) or {}

    def history(self, user_id: str, limit: int) -> list[Interaction]:
        """At most `limit` interactions of a user that the live run knew, newest first."""
        return self.read(lambda live: live.history(user_id, limit)) or []

    def read(self, question: Callable[[LiveLists], Answer]) -> Answer | None:
        """The answer to `question` from one publication; `None` if nothing was published yet.

        `question` may be called a second time, with a newer publication, if the run it was asking
        was removed while it did.

        Raises:
            ListsUnavailableError: the run that is published cannot be read.
        """
        return self._live.read(question)

    def close(self) -> None:
        """See `Lists`."""
        self._live.forget()
