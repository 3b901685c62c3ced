"""Catalogues small enough to write down, as the files that models read them from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    {
        "item_id": pa.string(),
        "title": pa.string(),
        "year": pa.int32(),
        "genres": pa.list_(pa.string()),
        "attributes": pa.map_(pa.string(), pa.string()),
        "numbers": pa.map_(pa.string(), pa.float64()),
    }
)


def write_catalogue(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Entries by item as two files of the table `items`, of which the first has no numbers, as older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "genres": [],
            **{
                name: list(value.items()) if isinstance(value, dict) else value
                for name, value in entry.items()
            },
            "item_id": item,
        }
        for item, entry in entries.items()
    ]
    older = [row for row in rows if "numbers" not in row]
    newer = [row for row in rows if "numbers" in row]
    files = []
    for name, some, schema in (
        ("older", older, pa.schema([field for field in SCHEMA if field.name != "numbers"])),
        ("newer", newer, SCHEMA),
    ):
        files.append(str(folder / f"{name}.parquet"))
        pq.write_table(pa.Table.from_pylist(some, schema), files[-1])
    return tuple(files)
