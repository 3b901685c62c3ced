"""What a person sees while a command runs: numbered steps, notes, a closing table, an error.

On a terminal the step in progress is alive (spinner, bar, seconds) and leaves one line behind. On
anything else there is exactly one line per step, printed when it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from toplists.errors import GateRefusedError, InputRefusedError
from toplists.pipeline.failure import print_failure
from toplists.pipeline.screen import open_console, printable, seconds_text
from toplists.pipeline.summary import RunSummary, StepSummary, print_summary

_VERB_WIDTH = 10
_SECONDS_WIDTH = 11
_BAR_WIDTH = 20
_FRAMES_PER_SECOND = 8
_REFUSALS = (GateRefusedError, InputRefusedError)


class StepNarration:
    """What a step says of itself while it runs. Draws itself when rich asks it to."""

    def __init__(self, number: int, total: int, verb: str, clock: Callable[[], float]) -> None:
        """Begin step `number` of `total` now; `clock` gives seconds."""
        self.verb = verb
        self.said = ""
        self.place = f"{number}/{total}"
        self._clock = clock
        self._began = clock()
        self._spinner = Spinner("dots", style="cyan")
        self._progress: tuple[int, int, str] | None = None

    @property
    def seconds(self) -> float:
        """Wall time since the step began."""
        return self._clock() - self._began

    def detail(self, text: str) -> None:
        """Set what the step's line says, such as `als rank 48 on 80,419 interactions`."""
        self.said = printable(text)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show that `done` of `total` are done; `what` is their plural, such as `blocks`."""
        self._progress = (done, total, printable(what))

    def __rich__(self) -> Table:
        """The step in progress, as a terminal shows it."""
        doing = Table.grid(padding=(0, 1))
        doing.add_row(self._spinner, Text(self.said, style="dim"))
        if self._progress is not None:
            done, total, what = self._progress
            bar = ProgressBar(total=max(total, 1), completed=done, width=_BAR_WIDTH)
            doing.add_row("", _beside(bar, Text(f"{done:,} of {total:,} {what}", style="dim")))
        return step_row(self.place, self.verb, doing, seconds_text(self.seconds), "cyan")


def step_row(place: str, verb: str, detail: Table | Text, seconds: str, style: str) -> Table:
    """One step across the width of the terminal: place, verb, detail, time at the right edge."""
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(style=style, no_wrap=True)
    row.add_column(style="bold", width=_VERB_WIDTH, no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(style="dim", width=_SECONDS_WIDTH, justify="right", no_wrap=True)
    row.add_row(place, verb, detail, seconds)
    return row


def _beside(bar: ProgressBar, label: Text) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_row(bar, label)
    return row


class Narrator:
    """Tells a person how a command goes. Not thread-safe: one step at a time."""

    def __init__(
        self,
        console: Console,
        error_console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Narrate on `console`, and failures on `error_console`; `clock` gives seconds."""
        self._console = console
        self._errors = error_console
        self._clock = clock
        self._steps: list[StepSummary] = []

    @property
    def steps(self) -> tuple[StepSummary, ...]:
        """The steps that finished so far, in order."""
        return tuple(self._steps)

    @contextmanager
    def step(self, number: int, total: int, verb: str) -> Iterator[StepNarration]:
        """Narrate step `number` of `total` for the length of the block."""
        step = StepNarration(number, total, verb, self._clock)
        try:
            with self._alive(step):
                yield step
        except BaseException as error:
            step.detail(_ending(error))
            self._print_step(step, "red")
            raise
        self._print_step(step, "green")
        self._steps.append(StepSummary(verb, step.said, step.seconds))

    def note(self, text: str) -> None:
        """Something worth knowing that is no reason to worry."""
        self._console.print(Text.assemble(("note: ", "cyan"), printable(text)))

    def warning(self, text: str) -> None:
        """Something to look into; the command goes on."""
        self._console.print(Text.assemble(("warning: ", "bold yellow"), printable(text)))

    def summary(self, summary: RunSummary) -> None:
        """The closing table."""
        print_summary(self._console, summary)

    def failure(self, error: BaseException, log: Path | None) -> None:
        """Why the command ended early, as one paragraph, and where the stack trace is."""
        print_failure(self._errors, error, log)

    def _alive(self, step: StepNarration) -> Live | nullcontext[None]:
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            step, console=self._console, transient=True, refresh_per_second=_FRAMES_PER_SECOND
        )

    def _print_step(self, step: StepNarration, style: str) -> None:
        seconds = seconds_text(step.seconds)
        if self._console.is_terminal:
            self._console.print(step_row(step.place, step.verb, Text(step.said), seconds, style))
            return
        head = f"{step.place} {step.verb:<{_VERB_WIDTH}} "
        room = self._console.width - len(head) - _SECONDS_WIDTH - 1
        # soft_wrap: a long detail makes a long line, never a second one.
        self._console.print(
            f"{head}{step.said:<{room}} {seconds:>{_SECONDS_WIDTH}}", soft_wrap=True
        )


def _ending(error: BaseException) -> str:
    if isinstance(error, _REFUSALS):
        return "refused"
    return "failed" if isinstance(error, Exception) else "interrupted"


def open_narrator(environ: Mapping[str, str], out: TextIO, err: TextIO) -> Narrator:
    """The narrator of a command that writes to `out` and, when it fails, to `err`."""
    return Narrator(open_console(out, environ), open_console(err, environ))
