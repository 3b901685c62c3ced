"""Moments at which a test lets a process die: before and after everything that is written.

Normal runs do not set the variable, and the moments pass unnoticed. `tests/test_failpoints.py` sees to
it that every write in the sources stands inside `written`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

FAIL_AT = "TOPLISTS_FAIL_AT"
"""Names the moment at which the process ends as by `kill -9`, such as `after append loads`.

`>FILE` lets nothing die, and notes every moment in FILE, one on a line.
"""


@contextmanager
def written(what: str) -> Iterator[None]:
    """Surrounds one write: a file, or a commit to a table.

    Args:
        what: Names the write; the same in every run over the same input.
    """
    reach(f"before {what}")
    yield
    reach(f"after {what}")


def reach(moment: str) -> None:
    """Come to a moment: die, if it is the one that the variable names."""
    wanted = os.environ.get(FAIL_AT)
    if wanted is None:
        return
    if wanted.startswith(">"):
        with open(wanted[1:], "a", encoding="utf-8") as notes:  # noqa: PTH123 - one name is enough here
            notes.write(f"{moment}\n")
    elif wanted == moment:
        die()


def die() -> None:
    """End the process as `kill -9` does: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
