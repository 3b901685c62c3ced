"""How a command tells how it goes, whoever listens: a person at a console, or a collector of logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from toplists.errors import GateRefusedError, InputRefusedError
from toplists.pipeline.log import Whereabouts
from toplists.pipeline.screen import printable
from toplists.pipeline.summary import RunSummary, StepSummary, TextTable

Ending: TypeAlias = Literal["done", "refused", "failed", "interrupted"]

_REFUSALS = (GateRefusedError, InputRefusedError)


class StepNarration:
    """What a step says of itself while it runs."""

    def __init__(self, number: int, total: int, verb: str, clock: Callable[[], float]) -> None:
        """Begin step `number` of `total` now; `clock` gives seconds."""
        self.verb = verb
        self.said = ""
        self.place = f"{number}/{total}"
        self.done: tuple[int, int, str] | None = None
        self._clock = clock
        self._began = clock()

    @property
    def seconds(self) -> float:
        """Wall time since the step began."""
        return self._clock() - self._began

    def detail(self, text: str) -> None:
        """Set what the step's line says, such as `als rank 48 on 80,419 interactions`."""
        self.said = printable(text)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show that `done` of `total` are done; `what` is their plural, such as `blocks`."""
        self.done = (done, total, printable(what))


class Display(Protocol):
    """Where a narration is shown."""

    def alive(self, step: StepNarration) -> AbstractContextManager[object]:
        """Show that the step runs, for the length of the block."""

    def ended(self, step: StepNarration, ending: Ending) -> None:
        """Show how the step ended."""

    def note(self, text: str) -> None:
        """Show something worth knowing that is no reason to worry."""

    def warning(self, text: str) -> None:
        """Show something to look into."""

    def table(self, table: TextTable) -> None:
        """Show figures side by side."""

    def summary(self, summary: RunSummary) -> None:
        """Show what a run came to."""

    def failure(self, error: BaseException, log: Path | None) -> None:
        """Show why the command ended early, and where the stack trace is."""


class Narrator:
    """Tells how a command goes. Not thread-safe: one step at a time."""

    def __init__(
        self,
        display: Display,
        where: Whereabouts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Narrate on `display` and keep `where` up to date; `clock` gives seconds."""
        self._display = display
        self._clock = clock
        self._steps: list[StepSummary] = []
        self.where = where or Whereabouts()

    @property
    def steps(self) -> tuple[StepSummary, ...]:
        """The steps that finished so far, in order."""
        return tuple(self._steps)

    @contextmanager
    def step(self, number: int, total: int, verb: str) -> Iterator[StepNarration]:
        """Narrate step `number` of `total` for the length of the block."""
        step = StepNarration(number, total, verb, self._clock)
        self.where.step = verb
        try:
            with self._display.alive(step):
                yield step
        except BaseException as error:
            ending = _ending(error)
            step.detail(ending)
            self._display.ended(step, ending)
            raise
        self._display.ended(step, "done")
        self._steps.append(StepSummary(verb, step.said, step.seconds))
        self.where.step = None

    def about(self, run_id: str) -> None:
        """From now on it is about this run."""
        self.where.run_id = run_id

    def note(self, text: str) -> None:
        """Something worth knowing that is no reason to worry."""
        self._display.note(text)

    def warning(self, text: str) -> None:
        """Something to look into; the command goes on."""
        self._display.warning(text)

    def table(self, table: TextTable) -> None:
        """Figures side by side."""
        self._display.table(table)

    def summary(self, summary: RunSummary) -> None:
        """What the run came to."""
        self._display.summary(summary)

    def failure(self, error: BaseException, log: Path | None) -> None:
        """Why the command ended early, and where the stack trace is."""
        self._display.failure(error, log)


def _ending(error: BaseException) -> Ending:
    if isinstance(error, _REFUSALS):
        return "refused"
    return "failed" if isinstance(error, Exception) else "interrupted"
