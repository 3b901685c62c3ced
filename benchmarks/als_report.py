"""Results of the ALS benchmarks as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import describe_machine

_RESULTS = Path(__file__).resolve().parent / "results"


def write(name: str, title: str, said: Sequence[str], content: dict[str, Any]) -> None:
    """Write the results of a command."""
    machine = describe_machine()
    _RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, **content}, indent=2)
    (_RESULTS / f"als-{name}.json").write_text(text + "\n")
    about = ", ".join(f"{key} {value}" for key, value in machine.items())
    lines = [f"# {title}", "", f"{about}. Made by `benchmarks/als.py`.", "", *said]
    (_RESULTS / f"als-{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
