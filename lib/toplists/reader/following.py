"""Following what is live: it is looked up for every question, and opened when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from toplists.reader.errors import ListsUnavailableError, SnapshotGoneError

Named = TypeVar("Named")
Opened = TypeVar("Opened")
Answer = TypeVar("Answer")


class Following(Generic[Named, Opened]):
    """What is live, opened once for all threads."""

    def __init__(
        self,
        look: Callable[[], Named | None],
        open_named: Callable[[Named], Opened],
        look_anew: Callable[[], Named | None] | None = None,
    ) -> None:
        """Follow what `look` names; no function is called by two threads at once.

        Args:
            look: Says what is live, cheaply; `None` if nothing is.
            open_named: Opens it.
            look_anew: Says so for sure, where `look` may be late.
        """
        self._look = look
        self._look_anew = look_anew or look
        self._open = open_named
        self._lock = Lock()
        self._current: tuple[Named, Opened] | None = None

    def named(self) -> Named | None:
        """What is live."""
        with self._lock:
            return self._look()

    def read(self, question: Callable[[Opened], Answer]) -> Answer | None:
        """The answer to `question` from what is live; `None` if nothing is.

        `question` is asked a second time, of what is live then, if what it was asking is gone.

        Raises:
            ListsUnavailableError: what is live cannot be read.
        """
        try:
            return self._ask(question, reopen=False)
        except SnapshotGoneError:
            pass
        try:
            return self._ask(question, reopen=True)
        except SnapshotGoneError as error:
            raise ListsUnavailableError(f"The published lists cannot be read: {error}.") from error

    def forget(self) -> None:
        """Let go of what is open."""
        with self._lock:
            self._current = None

    def _ask(self, question: Callable[[Opened], Answer], *, reopen: bool) -> Answer | None:
        with self._lock:
            named = self._look_anew() if reopen else self._look()
            if named is None:
                return None
            if reopen or self._current is None or self._current[0] != named:
                self._current = named, self._open(named)
            opened = self._current[1]
        return question(opened)
