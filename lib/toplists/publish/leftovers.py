"""Files that nobody needs any more: of runs that are gone, of tasks that died, of writes that did."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from toplists.engine import storage
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.ledger import run_of
from toplists.lake.schema import Json

# What `engine.storage.attempt_folder` makes.
_ATTEMPT = re.compile(r".+-[0-9a-f]{16}")
_RUN_ID = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{8}")


def find_drafts(dataset: Dataset) -> list[Path]:
    """Drafts of files and tables that were never moved in place, `.<name>.<pid>.tmp`."""
    drafts = ".*.tmp"
    beside_tables = [*dataset.root.glob(drafts), *dataset.outcomes.glob(drafts)]
    within = [dataset.reports, dataset.studies, dataset.work]
    return sorted([*beside_tables, *(draft for one in within for draft in one.rglob(drafts))])


def find_work_folders(dataset: Dataset, *, wanted: Collection[str]) -> list[Path]:
    """Work folders of other runs than the wanted ones."""
    if not dataset.work.is_dir():
        return []
    return sorted(folder for folder in dataset.work.iterdir() if folder.name not in wanted)


def find_old_reports(dataset: Dataset, *, wanted: Collection[str]) -> list[Path]:
    """Reports of other runs than the wanted ones, and what studies on their snapshots left."""
    homes = [home for home in (dataset.reports, dataset.studies) if home.is_dir()]
    return [
        folder
        for home in homes
        for folder in sorted(home.iterdir())
        if _RUN_ID.fullmatch(run_of(folder.name))
        and {folder.name, run_of(folder.name)}.isdisjoint(wanted)
    ]


def find_unnamed_parts(dataset: Dataset, run_ids: Iterable[str]) -> list[Path]:
    """Folders of attempts in the work folders of runs that no manifest names, nor anything in them.

    Chunks that blocks were assembled from are among them, and what a task left that died.
    """
    return sorted(folder for run_id in run_ids for folder in _unnamed(dataset.work / run_id))


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove files and folders; it may be interrupted anywhere and repeated."""
    for path in paths:
        with written("removal of a leftover"):
            if path.is_file():
                path.unlink(missing_ok=True)
            else:
                storage.remove_parts([path])


def bytes_in(paths: Iterable[Path]) -> int:
    """The size of files, and of folders with all that is in them."""
    return sum(map(storage.bytes_in, paths))


def _unnamed(work: Path) -> list[Path]:
    named: set[Path] = set()
    # A manifest inside an attempt's folder speaks for that attempt only.
    for manifest in _outside_attempts(work, work.rglob("*.json")):
        for text in _texts(json.loads(manifest.read_text(encoding="utf-8"))):
            part = Path(text)
            named |= {part, *part.parents}
    return [
        folder
        for folder in _outside_attempts(work, storage.folders_in(work))
        if _ATTEMPT.fullmatch(folder.name) and folder not in named
    ]


def _outside_attempts(work: Path, paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        inner = path.relative_to(work).parts[:-1]
        if not any(map(_ATTEMPT.fullmatch, inner)):
            yield path


def _texts(content: Json) -> Iterator[str]:
    """Every text in parsed JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list | dict):
        for inner in content.values() if isinstance(content, dict) else content:
            yield from _texts(inner)
