"""Small files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from toplists.lake.failpoints import written


def write_atomically(path: Path, content: str) -> None:
    """Replace the file at `path` by `content`; readers see the old or the new, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with written(f"draft {path.name}"):
        draft.write_text(content, encoding="utf-8")
    with written(path.name):
        draft.replace(path)
