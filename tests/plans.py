"""Physical plans as Spark describes them: which windows bring all rows into one task."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

_WINDOW = re.compile(r"windowspecdefinition\(")
# A window is described by its keys, then by its order, then by its frame: here no key comes first.
_WITHOUT_KEY = re.compile(
    r"windowspecdefinition\((?=specifiedwindowframe|[^,]* (?:ASC|DESC) NULLS)[^\n]*"
)


def executed_plans(event_log: Path) -> Iterator[str]:
    """Every query that was executed, as Spark's event log describes it."""
    for file in sorted(event_log.rglob("*")):
        if file.is_file():
            for line in file.read_text(encoding="utf-8").splitlines():
                if '"physicalPlanDescription"' in line:
                    yield json.loads(line)["physicalPlanDescription"]


def has_windows(plan: str) -> bool:
    """Whether there is any window in a plan."""
    return _WINDOW.search(plan) is not None


def windows_over_all_rows(plan: str) -> list[str]:
    """The windows of a plan that have no key."""
    return _WITHOUT_KEY.findall(plan)
