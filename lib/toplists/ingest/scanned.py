"""The shape in which rows leave their file, whatever its format: text, not yet judged."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from toplists.ingest.columns import ROLES, Role

# One row of the input each, with the text of every role (null: no such column, or nothing in it).
# `file` is the number of the file in its load, `line` counts from 1 with the header, `element` the rows
# of one line where it holds several. `raw` is the line as it came (null where a row is not a line).
# `problem` says why the row could not be split into fields.
# Two are not of a row: `refusal` says why its file cannot be taken in at all, `staged` which rows a task
# has taken in already (a `toplists.ingest.staging.StagedFile` as JSON).
SCANNED = pa.schema(
    [
        pa.field("file", pa.int32(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("element", pa.int64()),
        pa.field("raw", pa.string()),
        pa.field("problem", pa.string()),
        *(pa.field(role, pa.string()) for role in ROLES),
        pa.field("refusal", pa.string()),
        pa.field("staged", pa.string()),
    ]
)


def scanned_batch(
    file: int,
    lines: pa.Array,
    *,
    element: pa.Array | None = None,
    raw: pa.Array | None = None,
    problem: pa.Array | None = None,
    fields: Mapping[Role, pa.Array] | None = None,
) -> pa.RecordBatch:
    """A batch of `SCANNED` rows of one file; what is not given is null."""
    count = len(lines)
    given: dict[str, pa.Array | None] = {
        "element": element,
        "raw": raw,
        "problem": problem,
        **{str(role): array for role, array in (fields or {}).items()},
    }
    columns: dict[str, pa.Array] = {
        field.name: pa.nulls(count, field.type)
        if (array := given.get(field.name)) is None
        else array
        for field in SCANNED
    }
    columns["file"] = pa.repeat(pa.scalar(file, pa.int32()), count)
    columns["line"] = lines
    return pa.record_batch([columns[name] for name in SCANNED.names], schema=SCANNED)


def refusal_batch(file: int, line: int, refusal: str) -> pa.RecordBatch:
    """A single `SCANNED` row that says why the file cannot be taken in."""
    return pa.RecordBatch.from_pylist(
        [{"file": file, "line": line, "refusal": refusal}], schema=SCANNED
    )


def note_batch(staged: str) -> pa.RecordBatch:
    """A single `SCANNED` row that says which rows were taken in already."""
    return pa.RecordBatch.from_pylist([{"file": -1, "line": 0, "staged": staged}], schema=SCANNED)
