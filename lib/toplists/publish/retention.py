"""Pruning: what of earlier runs is kept, and for how long."""

from __future__ import annotations

import shutil

from deltalake import DeltaTable

from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.failpoints import written
from toplists.lake.pointer import Pointer
from toplists.lake.schema import Table
from toplists.lake.tables import MODELS, RUNS, TABLES

_BY_RUN = tuple(table for table in TABLES if table.partition_by == ("run_id",))
_BY_MODEL = tuple(table for table in TABLES if table.partition_by == ("model_id",))


def prune(dataset: Dataset, pointer: Pointer, *, keep_runs: int) -> list[str]:
    """Remove runs beyond the `keep_runs` that were live last.

    Runs that were never published (refused, or waiting for `publish`) are kept likewise: the newest
    `keep_runs` of them. Rows go by whole partitions, so nothing is rewritten; readers that opened a
    table before still find its files until they are vacuumed.

    Returns:
        The runs that were removed.
    """
    stored = _stored(dataset, "run_id", _BY_RUN)
    published = pointer.runs_newest_first()
    good = [run_id for run_id in published if run_id not in pointer.bad_runs]
    last_touched = {row["run_id"]: row["at"] for row in _by_time(read_rows(dataset, RUNS))}
    waiting = sorted(stored - set(published), key=last_touched.__getitem__)
    kept = {*published[:1], *good[:keep_runs], *waiting[-keep_runs:]}
    removed = sorted(stored - kept)
    for run_id in removed:
        for table in _BY_RUN:
            _drop(dataset, table, "run_id", run_id)
        _forget_models(dataset, run_id)
        with written("removal of a work folder"):
            shutil.rmtree(dataset.work / run_id, ignore_errors=True)
    for model_id in sorted(_stored(dataset, "model_id", _BY_MODEL)):
        if model_id.split(".")[0] not in kept:
            for table in _BY_MODEL:
                _drop(dataset, table, "model_id", model_id)
    return removed


def _by_time(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["at"])


def _forget_models(dataset: Dataset, run_id: str) -> None:
    """Take the run's fits out of the registry, so that a repeated run fits them again."""
    with written(f"removal from {MODELS.name}"):
        DeltaTable(dataset.path(MODELS)).delete(f"run_id = '{run_id}'")


def _stored(dataset: Dataset, column: str, tables: tuple[Table, ...]) -> set[str]:
    found: set[str] = set()
    for table in tables:
        opened = DeltaTable(dataset.path(table))
        found |= {partition[column] for partition in opened.partitions()}
    return found


def _drop(dataset: Dataset, table: Table, column: str, value: str) -> None:
    if partition_files(dataset, table, **{column: value}):
        with written(f"removal from {table.name}"):
            DeltaTable(dataset.path(table)).delete(f"{column} = '{value}'")
