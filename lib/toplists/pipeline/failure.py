"""How a command says why it ended early."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from toplists.errors import ToplistsError
from toplists.pipeline.screen import printable

_INTERRUPTED = 130
# As Python ends the text of an error: a task's, in the text of Spark's.
_RAISED_IN_A_TASK = re.compile(r"^toplists\.errors\.\w+: (.+)$", re.MULTILINE)


def failure_text(error: BaseException) -> str:
    """Why a command ended, as one paragraph.

    A `ToplistsError` speaks for itself, also where a task raised it. Anything else but a full disk was
    not foreseen, and is named as it is.
    """
    if isinstance(error, ToplistsError):
        return str(error)
    if said := _RAISED_IN_A_TASK.search(str(error)):
        return said[1]
    # Also where a task or the JVM says so: then it is somewhere in the text of another error.
    if os.strerror(errno.ENOSPC) in str(error):
        return (
            "There is no space left on the disk under lake.root or spark.local.dir. Free some and "
            "repeat the command: it goes on where it stopped."
        )
    first_line = str(error).strip().partition("\n")[0]
    return f"Something unforeseen happened: {type(error).__name__}: {first_line}"


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ended with `error`."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return error.exit_code if isinstance(error, ToplistsError) else ToplistsError.exit_code


def print_failure(console: Console, error: BaseException, log: Path | None = None) -> None:
    """Print why a command ended: one wrapped paragraph, then the path of the log file if any."""
    safe = "\n".join(printable(line) for line in failure_text(error).splitlines())
    console.print(Text.assemble(("error: ", "bold red"), safe))
    if log is not None:
        console.print(Text(f"The log has the details: {log}", style="dim"), soft_wrap=True)


def reason_of(error: Exception) -> str:
    """Why something failed that others do without, in a line."""
    said = _RAISED_IN_A_TASK.search(str(error))
    foreseen = isinstance(error, ToplistsError) or said is not None
    text = failure_text(error) if foreseen else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]
