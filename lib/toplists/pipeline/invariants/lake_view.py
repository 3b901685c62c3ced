"""A dataset as the checks see it: its tables at one moment, its ledger, its pointer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.pointer import Pointer, read_pointer
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, LOADS, RECOMMENDATIONS, RUNS, TABLES
from toplists.reader.queries import fetch, literals

# What a query may hold in memory before it spills to disk. Much less makes the engine wait for itself.
_MEMORY = "512M"
_ENGINE = {"datafusion.execution.target_partitions": "2"}


@dataclass(frozen=True)
class StoredRun:
    """A run whose snapshot or lists are in the lake, with what the ledger says of it."""

    run_id: str
    row: Row
    facts: dict[str, Any]

    @property
    def loads(self) -> list[str]:
        """The loads that the run is over."""
        return list(json.loads(self.row["inputs"])["loads"])

    @property
    def configuration(self) -> dict[str, Any]:
        """The settings that decided its lists."""
        return dict(json.loads(self.row["configuration"]))


class LakeView:
    """The tables of a dataset as they are at construction, for queries in bounded memory."""

    def __init__(self, dataset: Dataset, *, keep_runs: int, deep: bool) -> None:
        """Open what is there; `keep_runs` is what retention keeps, `deep` says how many runs to check."""
        self.dataset = dataset
        self.keep_runs = keep_runs
        self.deep = deep
        self.tables = {
            table.name: DeltaTable(dataset.path(table)) for table in TABLES if dataset.has(table)
        }
        engine = QueryBuilder(_ENGINE)
        engine.execute(f"SET datafusion.runtime.memory_limit = '{_MEMORY}'")
        for name, opened in self.tables.items():
            engine.register(name, opened)
        self._engine = engine

    def rows(self, query: str) -> list[Row]:
        """The rows that `query` finds, which must be few."""
        return fetch(self._engine, query)

    def number(self, query: str) -> int:
        """The one number that `query` finds, 0 for null."""
        (row,) = self.rows(query)
        (value,) = row.values()
        return int(value or 0)

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of `query`, a few thousand at a time."""
        engine = self._engine
        yield from pa.RecordBatchReader.from_stream(engine.execute(query))

    def has(self, *tables: Table) -> bool:
        """Whether all of the tables exist."""
        return all(table.name in self.tables for table in tables)

    def partitions(self, table: Table) -> set[str]:
        """The values of the column that `table` is partitioned by."""
        (column,) = table.partition_by
        opened = self.tables.get(table.name)
        return {part[column] for part in opened.partitions()} if opened else set()

    @cached_property
    def pointer(self) -> Pointer:
        """The pointer."""
        return read_pointer(self.dataset)

    @cached_property
    def ledger(self) -> list[Row]:
        """Every row of the ledger."""
        return read_rows(self.dataset, RUNS)

    @cached_property
    def loads(self) -> list[Row]:
        """Every complete load."""
        return read_rows(self.dataset, LOADS)

    def runs_in(self, table: Table) -> list[StoredRun]:
        """The runs to be checked whose rows in `table` are complete: of a finished step."""
        step = "prepare" if table is INTERACTIONS else "recommend"
        done: dict[str, Row] = {}
        for row in self.ledger:
            if row["step"] == step and row["state"] == "done":
                done[row["run_id"]] = row
        stored = self.partitions(table)
        wanted = stored if self.deep else stored & self._live
        return [
            StoredRun(run_id, done[run_id], dict(json.loads(done[run_id]["facts"])))
            for run_id in sorted(wanted & done.keys())
        ]

    @property
    def _live(self) -> set[str]:
        live = self.pointer.live
        return {live.run_id} if live else set()

    @cached_property
    def incomplete_loads(self) -> list[str]:
        """Loads that have events and no row in `loads`: their ingest was interrupted, or still runs."""
        if "events" not in self.tables:
            return []
        seen = {row["load_id"] for row in self.rows("SELECT DISTINCT load_id FROM events")}
        return sorted(seen - {load["load_id"] for load in self.loads})


def in_list(column: str, values: Sequence[str]) -> str:
    """An SQL condition that `column` has one of `values`, which may be none."""
    return f"{column} IN ({literals(values)})" if values else "1 = 0"


def listed_runs(view: LakeView) -> list[StoredRun]:
    """The runs to be checked that have lists."""
    return view.runs_in(RECOMMENDATIONS)
