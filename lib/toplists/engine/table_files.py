"""Parts of tables whose files the tasks write themselves.

What a task has as arrays would otherwise become rows of the JVM, be sorted, and become columns again:
lists of ten for 140,000 users took longer to write than to make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.engine.tasks import T, Tasks, run_tasks
from toplists.lake.adding import NEW_FILES, NewFile, replace_files
from toplists.lake.dataset import Dataset
from toplists.lake.schema import Table
from toplists.lake.writing import columns_of, write_file

_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")


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
    columns = columns_of(table, leave_out=set(equals))
    function = tasks.function

    def write(piece: T) -> Iterator[pa.RecordBatch]:
        file = write_file(function(piece), folder, inner, columns, name)
        if file is not None:
            yield file.to_batch()

    files = [NewFile(*row) for row in run_tasks(spark, tasks.pieces, write, NEW_FILES).collect()]
    replace_files(dataset, table, files, **equals)
