"""Results of the ALS benchmarks as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from machine import describe_machine
from result_files import write_results


def write(name: str, title: str, said: Sequence[str], content: dict[str, Any]) -> None:
    """Write the results of a command."""
    machine = describe_machine()
    about = ", ".join(f"{key} {value}" for key, value in machine.items())
    lines = [f"# {title}", "", f"{about}. Made by `benchmarks/als.py`.", "", *said]
    write_results(f"als-{name}", lines, {"machine": machine, **content})
