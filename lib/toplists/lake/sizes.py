"""How much room runs take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from toplists.lake.dataset import Dataset
from toplists.lake.ledger import run_of
from toplists.lake.schema import Table
from toplists.lake.tables import TABLES

_BY_RUN = ("run_id", "model_id")


def bytes_by_run(dataset: Dataset) -> dict[str, int]:
    """Bytes of each stored run: its snapshot, models, lists and work files."""
    sizes: Counter[str] = Counter()
    for table in TABLES:
        if table.partition_by[:1] and table.partition_by[0] in _BY_RUN and dataset.has(table):
            for partition, size in _files(dataset, table):
                sizes[run_of(partition)] += size
    for run_id in sizes:
        sizes[run_id] += _bytes_under(dataset.work / run_id)
    return dict(sizes)


def _files(dataset: Dataset, table: Table) -> Iterator[tuple[str, int]]:
    """The run or model of each file of a table, and its size."""
    added = pa.table(DeltaTable(dataset.path(table)).get_add_actions(flatten=True))
    for file in added.to_pylist():
        yield str(file[f"partition.{table.partition_by[0]}"]), int(file["size_bytes"])


def _bytes_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
