"""How a job ended: what it left in its result file, and whether trying again may help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What running again does not cure: a command that cannot be followed, lists or input that were refused,
# lists that are too old.
FINAL_CODES = frozenset({2, 3, 5, 7})
_MEANINGS = {
    1: "failed",
    2: "cannot be followed as it is configured",
    3: "was refused by the gate; what was live stays live",
    4: "met another writer of the dataset",
    5: "was refused its input; nothing of it was taken in",
    6: "is live in Delta, and stores are behind",
    7: "found live lists that are older than promised",
}


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        exit_code: Its exit code; below 0 = killed by that signal.
        reason: Why it did not succeed, in its own words; `None` where it left none.
        facts: The whole result file; empty where there is none.
    """

    exit_code: int
    reason: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether running it again would end the same."""
        return self.exit_code in FINAL_CODES

    def message(self, verb: str) -> str:
        """What a person reads as the task's message."""
        meaning = _MEANINGS.get(self.exit_code, "was killed" if self.exit_code < 0 else "failed")
        reason = f" {self.reason}" if self.reason else " Its output above says why."
        return f"{verb} {meaning} (exit code {self.exit_code}).{reason}"


def read_ending(path: Path, exit_code: int) -> Ending:
    """How a job ended.

    Its own word counts, where it left one: YARN's cluster mode turns every exit code into 1.

    Args:
        path: Its result file, which it has removed or replaced if it got as far as its arguments.
        exit_code: That of spark-submit.
    """
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return Ending(exit_code)
    own = int(facts["exit_code"])
    # A driver that was killed after its last word has not failed for the reason it gives.
    return Ending(own or exit_code, facts["reason"], facts)
