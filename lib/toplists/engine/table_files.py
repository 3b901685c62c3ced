"""Parts of tables whose files the tasks write themselves.

What a task has as arrays would otherwise become rows of the JVM, be sorted, and become columns again:
lists of ten for 140,000 users took longer to write than to make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types
from deltalake import Schema
from pyspark.sql import SparkSession

from toplists.engine.tasks import T, Tasks, run_tasks
from toplists.lake.adding import NEW_FILES, NewFile, replace_files
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table
from toplists.lake.statistics import file_statistics

_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")
_GROUP_BYTES = 2 << 20
"""Of a row group before compression. Readers look up single rows, and decode whole groups for them."""


def replace_part_by_tasks(
    spark: SparkSession, tasks: Tasks[T], dataset: Dataset, table: Table, **equals: str
) -> None:
    """Make what the tasks yield the content of one partition of `table`, in one atomic commit.

    Files that an attempt left which died, or lost a race, are in no commit. A table's constraints are not
    checked: a column without nulls is.

    Args:
        spark: The session.
        tasks: Work that yields the columns of the table, but for those of `equals`; each task a file.
        dataset: The dataset.
        table: A table partitioned by the columns of `equals`.
        equals: The partition.
    """
    # What a part is called stands in the table's log; readers do not agree how folders spell it.
    plain = {column: _UNUSUAL.sub("_", value) for column, value in equals.items()}
    inner = "/".join(f"{column}={value}" for column, value in plain.items())
    folder, name = Path(dataset.path(table)), f"file of {table.name}"
    columns = _columns(table, leave_out=set(equals))
    function = tasks.function

    def write(piece: T) -> Iterator[pa.RecordBatch]:
        path = f"{inner}/part-{uuid4()}.snappy.parquet"
        with written(name):
            (folder / inner).mkdir(parents=True, exist_ok=True)
            flat = _write(function(piece), folder / path, columns)
        if flat is not None:
            size = (folder / path).stat().st_size
            stats = json.dumps(file_statistics(flat), allow_nan=False)
            yield NewFile(path, size, len(flat), stats).to_batch()

    files = [NewFile(*row) for row in run_tasks(spark, tasks.pieces, write, NEW_FILES).collect()]
    replace_files(dataset, table, files, **equals)


def _columns(table: Table, leave_out: set[str]) -> pa.Schema:
    """The columns of a table as files have them."""
    whole = pa.schema(Schema.from_json(json.dumps(table.schema_json)).to_arrow())
    return pa.schema([field for field in whole if field.name not in leave_out])


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
                writer = pq.ParquetWriter(path, columns, compression="snappy")
            size = max(1, batch.num_rows * _GROUP_BYTES // max(1, rows.nbytes))
            writer.write_table(rows, row_group_size=size)
            seen.append(rows.select(flat))
    finally:
        if writer is not None:
            writer.close()
    return pa.concat_tables(seen) if seen else None
