"""Refused rows read again from what was kept of them.

A refused row is kept as its line; a Netflix line behind its movie and a colon; a row that is not a line
(Parquet, Delta, an element of aligned arrays) as a JSON object of its roles. How a line is split follows
from the kind of its source, from the header that `loads` noted for its file, and from the present
settings.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toplists.config.ingest import IngestSettings
from toplists.ingest.columns import ROLES, Role
from toplists.ingest.json_lines import json_row, layout_of_names, split_objects
from toplists.ingest.layout import (
    JsonLayout,
    TextLayout,
    headerless_layout,
    layout_of_header,
    split_header,
)
from toplists.ingest.lines import LineBlock
from toplists.ingest.parquet import ParquetLayout
from toplists.ingest.rules import RowRules, rules_for
from toplists.ingest.scanned import SCANNED, scanned_batch
from toplists.ingest.source import SourceKind
from toplists.ingest.text import split_fields


@dataclass(frozen=True)
class Rereading:
    """How the kept rows of one file are read: its number, layout, and the rules for its rows.

    `behind_item`: a line stands behind its item and a colon, as of a Netflix file.
    """

    file: int
    layout: TextLayout | JsonLayout | ParquetLayout
    rules: RowRules
    behind_item: bool = False


def reread_as(
    file: int,
    kind: SourceKind,
    header: str | None,
    sample: str,
    named: Collection[str],
    settings: IngestSettings,
) -> Rereading:
    """How to read the kept rows of a file.

    Args:
        file: The number that its rows get.
        kind: Kind of its source.
        header: What `loads` noted of it.
        sample: One of its kept rows, which tells formats without a header apart.
        named: Fields of JSON objects that the settings name and that some kept row has, of whatever
            file: those that came too late for the header.
        settings: The present settings.

    Raises:
        InputRefusedError: a column that the settings name is missing.
    """
    layout = _layout(kind, header, sample, named, settings)
    behind_item = kind == "netflix" and "\t" not in sample
    return Rereading(file, layout, rules_for(kind, layout, settings), behind_item)


def _layout(
    kind: SourceKind,
    header: str | None,
    sample: str,
    named: Collection[str],
    settings: IngestSettings,
) -> TextLayout | JsonLayout | ParquetLayout:
    if kind in ("parquet", "delta"):
        noted = json.loads(header or "{}")
        columns: dict[Role, str] = {role: role for role in ROLES if role in noted.get("roles", ())}
        typed: list[Role] = [role for role in ROLES if role in noted.get("typed_times", ())]
        return ParquetLayout(columns, frozenset(typed), ())
    if kind == "jsonl":
        names: list[str] = json.loads(header or "[]")
        late = sorted(set(named) - set(names))
        return layout_of_names((*names, *late), settings.columns, "The refused rows")
    if header is not None:
        names = split_header(header, kind, settings)
        return layout_of_header(names, kind, settings, "The refused rows")
    return headerless_layout(sample, kind, settings)


def reread(
    readings: Mapping[str, Rereading], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Batches of `[file: string, line: long, element: long, raw: string]` → batches of `SCANNED`."""
    for batch in batches:
        files = batch.column("file")
        for name in pc.unique(files).to_pylist():
            yield from _reread_file(readings[name], batch.filter(pc.equal(files, name)))


def _reread_file(reading: Rereading, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    layout = reading.layout
    of_line = pc.is_null(rows.column("element"))
    if isinstance(layout, ParquetLayout):
        of_line = pa.array([False] * len(rows))
    objects = rows.filter(pc.invert(of_line))
    if len(objects):
        yield _from_objects(reading.file, objects)
    lines = rows.filter(of_line)
    if not len(lines):
        return
    kept: list[str] = lines.column("raw").to_pylist()
    if reading.behind_item:
        kept = [line.replace(":", ",", 1) for line in kept]
    # Kept lines have no line end of their own.
    block = LineBlock("".join(f"{line}\n" for line in kept).encode(), 0)
    if isinstance(layout, JsonLayout):
        split = split_objects([block], layout, reading.file)
    else:
        assert isinstance(layout, TextLayout)  # noqa: S101 - ParquetLayout has no lines
        split = split_fields([block], layout, reading.file)
    numbers = lines.column("line")
    for found in split:
        at = SCANNED.get_field_index("line")
        yield found.set_column(at, SCANNED.field(at), numbers.take(found.column("line")))


def _from_objects(file: int, rows: pa.RecordBatch) -> pa.RecordBatch:
    texts: dict[Role, list[str | None]] = {role: [] for role in ROLES}
    problems: list[str | None] = []
    for raw in rows.column("raw").to_pylist():
        try:
            row, problem = json_row(raw), None
        except ValueError as error:
            row, problem = {}, str(error)
        problems.append(problem)
        for role, column in texts.items():
            column.append(row.get(role))
    return scanned_batch(
        file,
        pa.array(np.asarray(rows.column("line"))),
        element=rows.column("element"),
        raw=rows.column("raw"),
        problem=pa.array(problems, pa.string()),
        fields={role: pa.array(column, pa.string()) for role, column in texts.items()},
    )


def noted_roles(layout: ParquetLayout) -> str:
    """What `loads` notes of a file without lines: its roles, and which of them are typed times."""
    roles: Sequence[str] = sorted({*layout.columns, *layout.constants})
    return json.dumps({"roles": roles, "typed_times": sorted(layout.typed_times)})
