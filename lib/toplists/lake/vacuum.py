"""Deleting the files of a table that no reader needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table


@dataclass(frozen=True)
class Freed:
    """Files that were deleted, or would be, and their size in bytes."""

    files: int
    bytes: int


def vacuum_table(dataset: Dataset, table: Table, *, hours: int, dry_run: bool) -> Freed:
    """Delete files that left the table `hours` ago, or were never committed to it and are that old.

    Readers that opened the table since still find all they opened.
    """
    root = Path(dataset.path(table))
    opened = DeltaTable(str(root))
    found = opened.vacuum(hours, enforce_retention_duration=False, full=True)
    # It also names files that an earlier vacuum deleted, as long as the table's log speaks of them.
    paths = [path for name in found if (path := root / unquote(name)).is_file()]
    freed = Freed(len(paths), sum(path.stat().st_size for path in paths))
    if not dry_run:
        if paths:
            with written(f"vacuum of {table.name}"):
                opened.vacuum(hours, enforce_retention_duration=False, full=True, dry_run=False)
        _tidy(root)
    return freed


def _tidy(root: Path) -> None:
    """Remove what a vacuum leaves: checksums that Spark wrote beside files, and empty partitions."""
    for checksum in root.rglob(".*.crc"):
        if not checksum.with_name(checksum.name[1 : -len(".crc")]).exists():
            with written("removal of a checksum"):
                checksum.unlink(missing_ok=True)
    for folder in sorted(root.glob("*=*")):
        if not any(folder.iterdir()):
            with written("removal of an empty partition"):
                folder.rmdir()
