"""Tables of ready-made vectors of items, which lie outside the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

from toplists.errors import ConfigurationError
from toplists.ingest.digests import Digests


def vector_files(path: str) -> tuple[str, ...]:
    """The Parquet files of a table: itself, those in the folder, or those of the Delta table's last version.

    Raises:
        ConfigurationError: there are none, or the Delta table's files alone do not say what it holds.
    """
    place = Path(path).expanduser().absolute()
    if place.is_file():
        return (str(place),)
    if DeltaTable.is_deltatable(str(place)):
        table = DeltaTable(str(place))
        if table.protocol().min_reader_version > 1:
            raise ConfigurationError(
                f"{path} is a Delta table with deletion vectors or column mapping. Write the vectors without, "
                "or as Parquet."
            )
        uris = table.file_uris()
        return tuple(sorted(unquote(uri).removeprefix("file://") for uri in uris))
    files = tuple(sorted(str(file) for file in place.glob("*.parquet")))
    if not files:
        raise ConfigurationError(
            f"{path} is no table of vectors. Name a Parquet file, a folder of such, or a Delta table."
        )
    return files


def vectors_digest(paths: Sequence[str]) -> str | None:
    """A hash of what the tables hold, whose content may change while their names do not; `None` of none.

    Raises:
        ConfigurationError: one of them is none.
    """
    if not paths:
        return None
    digests = Digests()
    held = [digests.of(Path(file)) for path in paths for file in vector_files(path)]
    return hashlib.sha256("\n".join(held).encode()).hexdigest()
