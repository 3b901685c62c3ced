"""Files of tables as pyarrow writes them, laid out for readers that look up single rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types
from deltalake import Schema

from toplists.lake.adding import NewFile
from toplists.lake.failpoints import written
from toplists.lake.schema import Table
from toplists.lake.statistics import file_statistics
from toplists.reader.layouts import ROWS_PER_GROUP

_GROUP_BYTES = 2 << 20
"""Most bytes of a row group, before compression; it has ROWS_PER_GROUP rows at most, too."""


def columns_of(table: Table, leave_out: set[str]) -> pa.Schema:
    """The columns of a table as its files have them, which lack those of the partition."""
    whole = pa.schema(Schema.from_json(json.dumps(table.schema_json)).to_arrow())
    return pa.schema([field for field in whole if field.name not in leave_out])


def write_file(
    batches: Iterable[pa.RecordBatch], folder: Path, inner: str, columns: pa.Schema, name: str
) -> NewFile | None:
    """Write a file of a table, which is in no commit yet.

    Args:
        batches: Its rows, in the order of what readers look them up by; columns in any order.
        folder: The table's.
        inner: The folder in there.
        columns: See `columns_of`.
        name: What the write is called among the moments to fail at.

    Returns:
        What was written; `None` if there was no row, and so no file.
    """
    path = f"{inner}/part-{uuid4()}.snappy.parquet"
    with written(name):
        (folder / inner).mkdir(parents=True, exist_ok=True)
        flat = _write(batches, folder / path, columns)
    if flat is None:
        return None
    size = (folder / path).stat().st_size
    return NewFile(path, size, len(flat), json.dumps(file_statistics(flat), allow_nan=False))


def _write(batches: Iterable[pa.RecordBatch], path: Path, columns: pa.Schema) -> pa.Table | None:
    """Write the batches as they come; their columns that are not nested, `None` where there is no row."""
    flat = [field.name for field in columns if not types.is_nested(field.type)]
    seen: list[pa.Table] = []
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            rows = pa.Table.from_batches([batch]).select(columns.names).cast(columns)
            if writer is None:
                writer = pq.ParquetWriter(
                    path, columns, compression="snappy", use_dictionary=_repeating(columns)
                )
            writer.write_table(rows, row_group_size=_rows_per_group(rows))
            seen.append(rows.select(flat))
    finally:
        if writer is not None:
            writer.close()
    return pa.concat_tables(seen) if seen else None


def _rows_per_group(rows: pa.Table) -> int:
    """So many that groups have the same size, within both bounds."""
    count, size = int(rows.num_rows), int(rows.nbytes)
    most = max(1, min(ROWS_PER_GROUP, count * _GROUP_BYTES // max(1, size)))
    return -(-count // -(-count // most))


def _repeating(columns: pa.Schema) -> list[str]:
    """Columns, as Parquet calls them, whose values are worth a dictionary: scores hardly repeat."""
    leaves = (leaf for field in columns for leaf in _leaves(field.name, field.type))
    return [path for path, kind in leaves if not types.is_floating(kind)]


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    if types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    elif types.is_map(kind):
        yield from _leaves(f"{path}.key_value.key", kind.key_type)
        yield from _leaves(f"{path}.key_value.value", kind.item_type)
    elif types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    else:
        yield path, kind
