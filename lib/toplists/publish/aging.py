"""Retention by age: events, rejected rows, ledger and figures of runs that are gone, logs."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable, QueryBuilder

from toplists.lake.bookkeeping import delete_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import run_of
from toplists.lake.removal import note_removal
from toplists.lake.schema import Table
from toplists.lake.tables import EVENTS, LOADS, METRICS, REJECTED_EVENTS, RUNS
from toplists.reader.queries import fetch, literals

# What spark-submit.sh names them: <UTC time>-<verb>-<pid>.log.
_LOG_NAME = re.compile(r"(?P<time>\d{8}T\d{6})-[a-z]+-\d+\.log")


def remove_old_events(dataset: Dataset, *, days: int | None, now: datetime, dry_run: bool) -> int:
    """Remove events of the days before the last `days`; how many they are. Those without a day stay."""
    if days is None:
        return 0
    cut = datetime.combine((now - timedelta(days=days)).date(), datetime.min.time(), tzinfo=UTC)
    return _remove(dataset, EVENTS, f"event_date < DATE '{cut.date()}'", cut, dry_run=dry_run)


def remove_old_rejected(dataset: Dataset, *, days: int | None, now: datetime, dry_run: bool) -> int:
    """Remove the rejected rows of loads older than `days`; how many they are."""
    if days is None:
        return 0
    cut = now - timedelta(days=days)
    old = [load["load_id"] for load in read_rows(dataset, LOADS) if load["loaded_at"] < cut]
    if not old:
        return 0
    condition = f"load_id IN ({literals(sorted(old))})"
    return _remove(dataset, REJECTED_EVENTS, condition, cut, dry_run=dry_run)


def remove_old_ledger(
    dataset: Dataset,
    *,
    days: int | None,
    now: datetime,
    kept: Collection[str],
    dry_run: bool,
) -> int:
    """Remove ledger rows and figures of runs that ended `days` ago and are not among `kept`.

    A load's entry counts as a run of its own.
    """
    if days is None:
        return 0
    newest: dict[str, datetime] = {}
    for row in read_rows(dataset, RUNS):
        newest[row["run_id"]] = max(row["at"], newest.get(row["run_id"], row["at"]))
    cut = now - timedelta(days=days)
    old = sorted(run_id for run_id, at in newest.items() if at < cut and run_of(run_id) not in kept)
    if not old:
        return 0
    condition = f"run_id IN ({literals(old)})"
    # Figures first: the ledger says how old they are.
    return sum(
        _remove(dataset, table, condition, None, dry_run=dry_run) for table in (METRICS, RUNS)
    )


def find_old_logs(folder: Path, *, days: int | None, now: datetime) -> list[Path]:
    """Log files of invocations older than `days`; other files in the folder are none of ours."""
    if days is None:
        return []
    cut = f"{now.astimezone(UTC) - timedelta(days=days):%Y%m%dT%H%M%S}"
    return sorted(
        path
        for path in folder.glob("*.log")
        if (name := _LOG_NAME.fullmatch(path.name)) and name["time"] < cut
    )


def _remove(
    dataset: Dataset, table: Table, condition: str, noted: datetime | None, *, dry_run: bool
) -> int:
    opened = DeltaTable(dataset.path(table))
    engine = QueryBuilder().register(table.name, opened)
    query = f"SELECT count(*) AS n FROM {table.name} WHERE {condition}"  # noqa: S608 - ids are literals
    rows = int(fetch(engine, query)[0]["n"])
    if rows and not dry_run:
        if noted is not None:
            note_removal(opened, noted)
        delete_rows(dataset, table, where=condition)
    return rows
