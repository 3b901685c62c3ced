"""Bringing files that tasks have written into a table, in one commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table

NEW_FILES = "path string, size long, rows long, stats string"
"""What a task returns of the files it wrote."""


@dataclass(frozen=True)
class NewFile:
    """A Parquet file in the folder of a table.

    Attributes:
        path: Where it lies in that folder.
        size: Bytes.
        rows: How many it has.
        stats: What Delta's log says of its columns, as JSON.
    """

    path: str
    size: int
    rows: int
    stats: str

    def to_batch(self) -> pa.RecordBatch:
        """As a row of `NEW_FILES`."""
        return pa.RecordBatch.from_pylist([asdict(self)])


def add_files(dataset: Dataset, table: Table, files: Sequence[NewFile], note: str) -> None:
    """Append the rows of `files` to `table`, which has no partitions.

    Delta's writers check a table's constraints row by row; whoever writes the files answers for them.

    Args:
        dataset: The dataset.
        table: The table.
        files: Files with the columns of the table.
        note: Kept with the commit as its `userMetadata`.
    """
    opened = DeltaTable(dataset.path(table))
    noted = {"userMetadata": note, "operationMetrics": _metrics(files)}
    with written(f"append {table.name}"):
        opened.create_write_transaction(
            _added(files, {}),
            "append",
            opened.schema(),
            commit_properties=CommitProperties(custom_metadata=noted),
        )


def replace_files(dataset: Dataset, table: Table, files: Sequence[NewFile], **equals: str) -> None:
    """Make `files` all that there is of one partition of `table`.

    Args:
        dataset: The dataset.
        table: A table partitioned by the columns of `equals`.
        files: Files with the other columns of the table.
        equals: The partition.
    """
    opened = DeltaTable(dataset.path(table))
    with written(f"replace {table.name}"):
        opened.create_write_transaction(
            _added(files, equals),
            "overwrite",
            opened.schema(),
            partition_by=list(equals),
            partition_filters=[(column, "=", value) for column, value in equals.items()],
            commit_properties=CommitProperties(
                custom_metadata={"operationMetrics": _metrics(files)}
            ),
        )


def _added(
    files: Sequence[NewFile], partition: Mapping[str, str]
) -> list[AddAction | RemoveAction]:
    now = int(time.time() * 1000)
    return [AddAction(one.path, one.size, partition, now, True, one.stats) for one in files]


def _metrics(files: Sequence[NewFile]) -> dict[str, str]:
    return {"numFiles": str(len(files)), "numOutputRows": str(sum(one.rows for one in files))}
