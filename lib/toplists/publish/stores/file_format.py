"""The files of a release: what of a part goes into which, their bytes, and the manifest that names them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toplists.publish.stores.columns import buckets_of, slices
from toplists.publish.stores.json_lines import encode_lines
from toplists.publish.stores.store import Part, Release
from toplists.reader.layouts import LAYOUT, LIST_TABLES, ROWS_PER_GROUP, ListTable

Format = Literal["parquet", "jsonl"]

_LEVEL = 3  # of compression; the usual 6 takes half as long again, for a twentieth of the bytes


@dataclass(frozen=True)
class FileEntry:
    """A file, as the manifest names it."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    first: str
    last: str
    shard: int | None


@dataclass(frozen=True)
class FileFormat:
    """Parquet, or JSON lines that are cut into `shards`."""

    format: Format
    shards: int

    @property
    def name(self) -> str:
        """Differs where the same part would be other files."""
        return self.format if self.format == "parquet" else f"{self.format}-{self.shards}"

    def cut(self, table: ListTable, rows: pa.Table) -> Iterator[tuple[int | None, pa.Table]]:
        """What goes into a file each, in order of the key, with the number of its shard, if there are any."""
        if not len(rows):
            return
        if self.format == "parquet":
            yield None, rows
            return
        shards = buckets_of(rows, table.key, self.shards)
        for shard in np.unique(shards).tolist():
            yield shard, rows.filter(pa.array(shards == shard))

    def encode(
        self, release: Release, part: Part, shard: int | None, rows: pa.Table
    ) -> tuple[FileEntry, bytes]:
        """A file under a name of its own, and its bytes."""
        attempt = f"{part.number:05d}-{uuid4().hex[:12]}"
        if shard is None:
            name, content = f"part-{attempt}.parquet", _parquet(rows)
        else:
            content = _json_lines(release.run_id, part.table.key, rows)
            name = f"{shard:04d}-{attempt}.jsonl.gz"
        keys = rows[part.table.key]
        entry = FileEntry(
            table=part.table.name,
            path=f"{part.table.name}/{name}",
            rows=len(rows),
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            first=keys[0].as_py(),
            last=keys[-1].as_py(),
            shard=shard,
        )
        return entry, content

    def manifest(self, release: Release, entries: Sequence[FileEntry]) -> bytes:
        """What belongs to a release."""
        tables: dict[str, list[dict[str, Any]]] = {table.name: [] for table in LIST_TABLES}
        for entry in sorted(entries, key=lambda entry: (entry.first, entry.path)):
            fields = asdict(entry)
            tables[fields.pop("table")].append(fields)
        content = {
            "layout": LAYOUT,
            "dataset": release.dataset,
            "release": release.run_id,
            "run_id": release.run_id,
            "format": self.format,
            "shards": self.shards if self.format == "jsonl" else None,
            "tables": tables,
        }
        return json.dumps(content, indent=1).encode()


def _parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", row_group_size=ROWS_PER_GROUP)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _json_lines(run_id: str, key: str, rows: pa.Table) -> bytes:
    target = io.BytesIO()
    # Without a time in it, the same lists are the same bytes.
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
        # In one piece first: a text is escaped once for all the rows that are encoded together.
        for some in slices(rows.combine_chunks()):
            packed.write(encode_lines(run_id, key, some))
    return target.getvalue()
