"""Lists read straight from the tables of a lake: no server, and what only a lake knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from toplists.reader.errors import ListsUnavailableError, SnapshotGoneError
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


class DeltaLists:
    """What `Lists` promises, and the catalogue, the users' history and earlier publications.

    Every method looks at the pointer first, then reads the run it names, so an answer is never put
    together from two runs. Where several answers must agree with one another, ask for them in one
    `read`.
    """

    def __init__(self, root: Path) -> None:
        """See `open_delta`."""
        self._root = root
        self._pointer = Pointer(root)
        self._live: LiveLists | None = None
        self._lock = Lock()

    def publication(self) -> Publication | None:
        """See `Lists`."""
        with self._lock:
            return self._pointer.last()

    def publications(self) -> list[Publication]:
        """Every move of the pointer, oldest first."""
        with self._lock:
            return self._pointer.history()

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
        try:
            return self._ask(question, reopen=False)
        except SnapshotGoneError:
            pass
        try:
            return self._ask(question, reopen=True)
        except SnapshotGoneError as error:
            raise ListsUnavailableError(f"The published lists cannot be read: {error}.") from error

    def _ask(self, question: Callable[[LiveLists], Answer], *, reopen: bool) -> Answer | None:
        live = self._current(reopen=reopen)
        return None if live is None else question(live)

    def _current(self, *, reopen: bool) -> LiveLists | None:
        with self._lock:
            published = self._pointer.last()
            if published is None:
                return None
            if reopen or self._live is None or self._live.publication != published:
                self._live = LiveLists(self._root, published)
            return self._live

    def close(self) -> None:
        """See `Lists`."""
        with self._lock:
            self._live = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
