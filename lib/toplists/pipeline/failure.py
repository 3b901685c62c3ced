"""How a command says why it ended early."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from toplists.errors import ToplistsError
from toplists.pipeline.screen import printable


def print_failure(console: Console, error: BaseException, log: Path | None = None) -> None:
    """Print why a command ended: one wrapped paragraph, then the path of the log file if any.

    A `ToplistsError` speaks for itself. Anything else was not foreseen, and is named as it is.
    """
    if isinstance(error, ToplistsError):
        text = str(error)
    else:
        first_line = str(error).strip().partition("\n")[0]
        text = f"Something unforeseen happened: {type(error).__name__}: {first_line}"
    safe = "\n".join(printable(line) for line in text.splitlines())
    console.print(Text.assemble(("error: ", "bold red"), safe))
    if log is not None:
        console.print(Text(f"The log has the details: {log}", style="dim"), soft_wrap=True)
