"""Where results of benchmarks go: as JSON, and as a text to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent / "results"


def write_results(name: str, lines: Sequence[str], content: dict[str, Any]) -> None:
    """Write both under results/, and show the text."""
    _FOLDER.mkdir(exist_ok=True)
    text = "\n".join(lines)
    (_FOLDER / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    (_FOLDER / f"{name}.md").write_text(text + "\n")
    print(text)
