"""What a person sees while a command runs: numbered steps, notes, a closing table, an error.

On a terminal the step in progress is alive (spinner, bar, seconds) and leaves one line behind. On
anything else there is exactly one line per step, printed when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from textwrap import wrap
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from toplists.pipeline.failure import print_failure
from toplists.pipeline.narration import Ending, Narrator, StepNarration
from toplists.pipeline.screen import open_console, printable, seconds_text
from toplists.pipeline.summary import RunSummary, TextTable, print_summary, print_table

__all__ = ["ConsoleDisplay", "Narrator", "open_narrator"]

_VERB_WIDTH = 10
_SECONDS_WIDTH = 11
_BAR_WIDTH = 20
_FRAMES_PER_SECOND = 8


class ConsoleDisplay:
    """Shows a narration on a console."""

    def __init__(self, console: Console, error_console: Console) -> None:
        """Show it on `console`, and failures on `error_console`."""
        self._console = console
        self._errors = error_console

    def alive(self, step: StepNarration) -> AbstractContextManager[object]:
        """Show the step for as long as it runs, if anybody watches."""
        if not self._console.is_terminal:
            return nullcontext()
        return Live(
            _StepInProgress(step),
            console=self._console,
            transient=True,
            refresh_per_second=_FRAMES_PER_SECOND,
        )

    def ended(self, step: StepNarration, ending: Ending) -> None:
        """Leave one line for the step."""
        seconds = seconds_text(step.seconds)
        if self._console.is_terminal:
            style = "green" if ending == "done" else "red"
            self._console.print(_step_row(step, Text(step.said), seconds, style))
            return
        head = f"{step.place} {step.verb:<{_VERB_WIDTH}} "
        room = self._console.width - len(head) - _SECONDS_WIDTH - 1
        # soft_wrap: a long detail makes a long line, never a second one.
        self._console.print(
            f"{head}{step.said:<{room}} {seconds:>{_SECONDS_WIDTH}}", soft_wrap=True
        )

    def note(self, text: str) -> None:
        """Something worth knowing that is no reason to worry."""
        self._tell(("note: ", "cyan"), text)

    def warning(self, text: str) -> None:
        """Something to look into; the command goes on."""
        self._tell(("warning: ", "bold yellow"), text)

    def _tell(self, head: tuple[str, str], text: str) -> None:
        # rich would break a path that is longer than a line, and nobody could copy it.
        lines = wrap(
            head[0] + printable(text),
            self._console.width,
            break_long_words=False,
            break_on_hyphens=False,
        )
        told = "\n".join(lines).removeprefix(head[0].rstrip())
        self._console.print(Text.assemble((head[0].rstrip(), head[1]), told), soft_wrap=True)

    def table(self, table: TextTable) -> None:
        """Figures side by side."""
        print_table(self._console, table)

    def summary(self, summary: RunSummary) -> None:
        """The closing table."""
        print_summary(self._console, summary)

    def failure(self, error: BaseException, log: Path | None) -> None:
        """Why the command ended early, as one paragraph, and where the stack trace is."""
        print_failure(self._errors, error, log)


class _StepInProgress:
    """A step as a terminal shows it while it runs. Draws itself when rich asks it to."""

    def __init__(self, step: StepNarration) -> None:
        self._step = step
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> Table:
        step = self._step
        doing = Table.grid(padding=(0, 1))
        doing.add_row(self._spinner, Text(step.said, style="dim"))
        if step.done is not None:
            done, total, what = step.done
            bar = ProgressBar(total=max(total, 1), completed=done, width=_BAR_WIDTH)
            doing.add_row("", _beside(bar, Text(f"{done:,} of {total:,} {what}", style="dim")))
        return _step_row(step, doing, seconds_text(step.seconds), "cyan")


def _step_row(step: StepNarration, detail: Table | Text, seconds: str, style: str) -> Table:
    """One step across the width of the terminal: place, verb, detail, time at the right edge."""
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(style=style, no_wrap=True)
    row.add_column(style="bold", width=_VERB_WIDTH, no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(style="dim", width=_SECONDS_WIDTH, justify="right", no_wrap=True)
    row.add_row(step.place, step.verb, detail, seconds)
    return row


def _beside(bar: ProgressBar, label: Text) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_row(bar, label)
    return row


def open_narrator(environ: Mapping[str, str], out: TextIO, err: TextIO) -> Narrator:
    """The narrator of a command that writes to `out` and, when it fails, to `err`."""
    return Narrator(ConsoleDisplay(open_console(out, environ), open_console(err, environ)))
