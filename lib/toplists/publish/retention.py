"""Pruning: what of earlier runs is kept, and for how long."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from deltalake import DeltaTable

from toplists.errors import ToplistsError
from toplists.lake.bookkeeping import delete_rows, read_rows
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.ledger import run_of
from toplists.lake.pointer import Pointer
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, MODELS, RUNS, SNAPSHOT_ITEMS, SNAPSHOT_USERS, TABLES
from toplists.publish.leftovers import remove_leftovers

_LOG = logging.getLogger(__name__)

_BY_RUN = tuple(table for table in TABLES if table.partition_by[:1] == ("run_id",))
_BY_MODEL = tuple(table for table in TABLES if table.partition_by == ("model_id",))
_SNAPSHOT = (INTERACTIONS, SNAPSHOT_USERS, SNAPSHOT_ITEMS)


@dataclass(frozen=True)
class Pruning:
    """What retention keeps and removes.

    Attributes:
        kept: Runs that stay.
        runs: Runs whose rows go.
        models: Models whose content goes.
        fits: Runs whose rows in the registry of models go.
    """

    kept: frozenset[str]
    runs: tuple[str, ...]
    models: tuple[str, ...]
    fits: tuple[str, ...]


def plan_pruning(dataset: Dataset, pointer: Pointer, *, keep_runs: int) -> Pruning:
    """What is beyond the `keep_runs` runs that were live last.

    Runs that were never published (refused, or waiting for `publish`) are kept likewise: the newest
    `keep_runs` of them. What was found out on the snapshot of a run goes with it.
    """
    stored = _stored(dataset, "run_id", _BY_RUN)
    published = pointer.runs_newest_first()
    good = [run_id for run_id in published if run_id not in pointer.bad_runs]
    ledger = sorted(read_rows(dataset, RUNS), key=lambda row: row["at"])
    touched = {row["run_id"]: row["at"] for row in ledger}
    # Nobody knows those that are not in the ledger: they are the oldest.
    runs = {run_of(run_id) for run_id in stored}
    waiting = sorted(runs - set(published), key=lambda run: (run in touched, touched.get(run)))
    kept = {*published[:1], *good[:keep_runs], *waiting[-keep_runs:]} & runs
    models = _stored(dataset, "model_id", _BY_MODEL)
    fits = {row["run_id"] for row in read_rows(dataset, MODELS)}
    return Pruning(
        kept=frozenset(kept),
        runs=tuple(sorted(run_id for run_id in stored if run_of(run_id) not in kept)),
        models=tuple(sorted(model for model in models if run_of(model) not in kept)),
        fits=tuple(sorted(fits - kept)),
    )


def prune(dataset: Dataset, pointer: Pointer, *, keep_runs: int) -> list[str]:
    """Remove what `plan_pruning` says.

    Rows go by whole partitions, so nothing is rewritten; readers that opened a table before still
    find its files until they are vacuumed.

    Returns:
        The runs that were removed.
    """
    plan = plan_pruning(dataset, pointer, keep_runs=keep_runs)
    for run_id in plan.runs:
        for table in _BY_RUN:
            _drop(dataset, table, "run_id", run_id)
        try:
            homes = dataset.work, dataset.reports, dataset.studies
            remove_leftovers([home / run_id for home in homes])
        except (
            ToplistsError
        ) as error:  # tonight's run has nothing to do with where that one's files are
            _LOG.warning("files of run %s are left for maintain: %s", run_id, error)
    for run_id in plan.fits:
        _forget_models(dataset, run_id)
    for model_id in plan.models:
        for table in _BY_MODEL:
            _drop(dataset, table, "model_id", model_id)
    return list(plan.runs)


def runs_with_old_snapshots(dataset: Dataset, pointer: Pointer, *, keep: int | None) -> list[str]:
    """Published runs, not live, whose snapshot is beyond the `keep` newest; none without `keep`."""
    stored = _stored(dataset, "run_id", _SNAPSHOT)
    return [run_id for run_id in _older(pointer, keep) if run_id in stored]


def runs_with_old_models(dataset: Dataset, pointer: Pointer, *, keep: int | None) -> list[str]:
    """The same of their models."""
    stored = {run_of(model) for model in _stored(dataset, "model_id", _BY_MODEL)}
    return [run_id for run_id in _older(pointer, keep) if run_id in stored]


def remove_snapshots(dataset: Dataset, run_ids: Iterable[str]) -> None:
    """Remove the snapshots of runs; their lists stay."""
    for run_id in run_ids:
        for table in _SNAPSHOT:
            _drop(dataset, table, "run_id", run_id)


def remove_models(dataset: Dataset, run_ids: Collection[str]) -> None:
    """Remove the models of runs; their lists stay."""
    for run_id in run_ids:
        _forget_models(dataset, run_id)
    for model_id in sorted(_stored(dataset, "model_id", _BY_MODEL)):
        if run_of(model_id) in run_ids:
            for table in _BY_MODEL:
                _drop(dataset, table, "model_id", model_id)


def _older(pointer: Pointer, keep: int | None) -> list[str]:
    """Published runs beyond the `keep` newest; the first of them is live."""
    return [] if keep is None else pointer.runs_newest_first()[keep:]


def _forget_models(dataset: Dataset, run_id: str) -> None:
    """Take the run's fits out of the registry, so that a repeated run fits them again."""
    delete_rows(dataset, MODELS, where=f"run_id = '{run_id}'")


def _stored(dataset: Dataset, column: str, tables: tuple[Table, ...]) -> set[str]:
    found: set[str] = set()
    for table in tables:
        if dataset.has(table):
            found |= {part[column] for part in DeltaTable(dataset.path(table)).partitions()}
    return found


def _drop(dataset: Dataset, table: Table, column: str, value: str) -> None:
    if partition_files(dataset, table, **{column: value}):
        delete_rows(dataset, table, where=f"{column} = '{value}'")
