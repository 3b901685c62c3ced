"""Reads and writes of the small tables that the driver keeps: ledger, loads, registry, pointer.

They are written by delta-rs: an append takes milliseconds instead of a Spark job, works before (and
without) a Spark session, and its commit is atomic between processes on a local file system, which
the JVM's local log store is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from toplists.errors import ConflictError
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table

Row: TypeAlias = dict[str, Any]


def arrow_schema(table: DeltaTable) -> pa.Schema:
    """The table's schema for pyarrow, nullability included."""
    return pa.schema(table.schema().to_arrow())


def read_rows(dataset: Dataset, table: Table, **equals: str) -> list[Row]:
    """The rows of a bookkeeping table in which every column of `equals` has the given value.

    Returns:
        Plain dictionaries in no particular order; none where the table does not exist yet.
    """
    if not dataset.has(table):
        return []
    filters = [(column, "=", value) for column, value in equals.items()]
    found = DeltaTable(dataset.path(table)).to_pyarrow_table(filters=filters or None)
    return [dict(row) for row in found.to_pylist()]


def noted(note: str | None) -> CommitProperties | None:
    """What makes a commit keep `note` as its `userMetadata`."""
    return None if note is None else CommitProperties(custom_metadata={"userMetadata": note})


def append_rows(
    dataset: Dataset, table: Table, rows: Sequence[Row], *, note: str | None = None
) -> None:
    """Append `rows`; concurrent appends do not disturb each other. The commit keeps `note`."""
    opened = DeltaTable(dataset.path(table))
    data = pa.Table.from_pylist(list(rows), schema=arrow_schema(opened))
    with written(f"append {table.name}"):
        write_deltalake(opened, data, mode="append", commit_properties=noted(note))


def replace_rows(dataset: Dataset, table: Table, rows: Sequence[Row], *, where: str) -> None:
    """Replace the rows that satisfy the SQL predicate `where` by `rows`, in one commit."""
    opened = DeltaTable(dataset.path(table))
    data = pa.Table.from_pylist(list(rows), schema=arrow_schema(opened))
    with written(f"replace {table.name}"):
        write_deltalake(opened, data, mode="overwrite", predicate=where)


def delete_rows(dataset: Dataset, table: Table, *, where: str) -> None:
    """Remove the rows that satisfy the SQL predicate `where`, in one commit."""
    with written(f"removal from {table.name}"):
        DeltaTable(dataset.path(table)).delete(where)


def compare_and_append(dataset: Dataset, table: Table, row: Row, *, expected_version: int) -> None:
    """Append `row` only if nothing was committed to the table since `expected_version`.

    The commit is written as version `expected_version + 1` and never retried, so of several writers
    that read the same version exactly one succeeds.

    Raises:
        ConflictError: another commit came first.
    """
    opened = DeltaTable(dataset.path(table), version=expected_version)
    data = pa.Table.from_pylist([row], schema=arrow_schema(opened))
    never_again = CommitProperties(max_commit_retries=0)
    try:
        with written(f"append {table.name}"):
            write_deltalake(opened, data, mode="append", commit_properties=never_again)
    except CommitFailedError as error:
        raise ConflictError(
            f"{table.name} of dataset {dataset.name} was changed by another process meanwhile; "
            "nothing was written. Run the command again."
        ) from error
