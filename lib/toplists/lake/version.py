"""Which table definitions a dataset follows, as `version.json` beside its tables says.

A release that changes definitions raises `LAKE_VERSION`. The fingerprint tells apart what the number
does not: lakes of two states of the code between releases.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from toplists.errors import ConfigurationError
from toplists.lake.files import write_atomically
from toplists.lake.schema import Table, without_comments
from toplists.lake.tables import TABLES

LAKE_VERSION = 3
"""1 was the first light, which left no mark; 2 is release 0.2.0."""

_FILE = "version.json"
_DIGITS = 16


@dataclass(frozen=True)
class LakeVersion:
    """The version of a dataset: its number, and the fingerprint of the definitions it follows."""

    number: int
    definitions: str


UNMARKED = LakeVersion(1, "")
"""What a dataset without a mark follows."""


@cache
def present_version() -> LakeVersion:
    """The version that this code writes."""
    return LakeVersion(LAKE_VERSION, fingerprint(TABLES))


def fingerprint(tables: Sequence[Table]) -> str:
    """A hash of everything about `tables` that a stored table can follow or not, comments aside."""
    said = [
        [
            table.name,
            without_comments(table.schema_json),
            list(table.partition_by),
            dict(table.constraints),
        ]
        for table in sorted(tables, key=lambda table: table.name)
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def read_version(root: Path) -> LakeVersion:
    """The version of the dataset in the folder `root`."""
    try:
        mark = json.loads((root / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return UNMARKED
    return LakeVersion(int(mark["number"]), str(mark["definitions"]))


def mark_present(root: Path) -> None:
    """Record that the dataset in the folder `root` follows the present definitions."""
    write_atomically(root / _FILE, json.dumps(asdict(present_version())) + "\n")


def require_not_newer(root: Path) -> None:
    """Refuse a dataset of a later release.

    Raises:
        ConfigurationError: it was written by one.
    """
    number = read_version(root).number
    if number > LAKE_VERSION:
        raise ConfigurationError(
            f"Dataset {root.name} is of lake version {number}, and this release knows versions up to "
            f"{LAKE_VERSION}: use the release that wrote it, or a later one."
        )


def require_present(root: Path) -> None:
    """Refuse to write to a dataset of another version than the present one.

    Raises:
        ConfigurationError: it has to be upgraded, or was written by a later release.
    """
    require_not_newer(root)
    found = read_version(root)
    if found != present_version():
        raise ConfigurationError(
            f"Dataset {root.name} is of lake version {found.number} with older tables: run "
            f"./spark-submit.sh upgrade --dataset {root.name} first; its lists stay readable."
        )
