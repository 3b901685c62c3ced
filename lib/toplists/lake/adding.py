"""Adding files that tasks have written to a table, in one commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from deltalake import CommitProperties, DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table


@dataclass(frozen=True)
class NewFile:
    """A Parquet file in the folder of a table.

    Attributes:
        path: Its name in that folder.
        size: Bytes.
        rows: How many it has.
        stats: What Delta's log says of its columns, as JSON.
    """

    path: str
    size: int
    rows: int
    stats: str


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
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        AddAction(one.path, one.size, {}, now, True, one.stats) for one in files
    ]
    metrics = {"numFiles": str(len(files)), "numOutputRows": str(sum(one.rows for one in files))}
    with written(f"append {table.name}"):
        opened.create_write_transaction(
            actions,
            "append",
            opened.schema(),
            commit_properties=CommitProperties(
                custom_metadata={"userMetadata": note, "operationMetrics": metrics}
            ),
        )
