"""Invariants of every table: definition, readability, keys, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from deltalake import DeltaTable

from toplists.lake.ledger import run_of
from toplists.lake.schema import Table, without_comments
from toplists.lake.tables import EVENTS, TABLES
from toplists.lake.upgrade import stored_constraints, stored_fields
from toplists.lake.version import present_version, read_version
from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView, in_list

FaultsOf: TypeAlias = Callable[[LakeView, Table, str], Iterator[str]]


def _look_at_version(view: LakeView) -> Evidence:
    found = read_version(view.dataset.root)
    said = f"version {found.number}"
    if found == present_version():
        return Evidence(said)
    return Evidence(said, [f"this release is of version {present_version().number}"])


def _look_at_definitions(view: LakeView) -> Evidence:
    faults = [fault for table in TABLES for fault in _departures(view, table)]
    columns = sum(len(table.columns) for table in TABLES)
    return Evidence(f"{len(TABLES)} tables, {columns} columns", faults)


def _departures(view: LakeView, table: Table) -> Iterator[str]:
    """How a stored table departs from its definition; columns that it has more do no harm."""
    opened = view.tables.get(table.name)
    if opened is None:
        yield f"{table.name} is missing"
        return
    stored = stored_fields(opened)
    for column in table.columns:
        field = stored.get(column.name)
        if field is None:
            yield f"{table.name} has no column {column.name}"
        elif without_comments(field["type"]) != without_comments(column.type):
            yield f"{table.name}.{column.name} is of another type"
        elif field["nullable"] and not column.nullable:
            yield f"{table.name}.{column.name} may be null"
    if tuple(opened.metadata().partition_columns) != table.partition_by:
        yield f"{table.name} is partitioned by {opened.metadata().partition_columns}"
    for name in sorted(table.constraints.keys() - stored_constraints(opened)):
        yield f"{table.name} lacks CHECK {name}"


def _look_at_readability(view: LakeView) -> Evidence:
    faults = [
        f"{name} needs reader version {needed}"
        for name, opened in view.tables.items()
        if (needed := _reader_version(opened)) > 1
    ]
    return Evidence(f"{len(view.tables)} tables", faults)


def _reader_version(opened: DeltaTable) -> int:
    return int(opened.protocol().min_reader_version)


def _look_at_keys(view: LakeView) -> Evidence:
    return _look_at_rows(view, [table for table in TABLES if table is not EVENTS], _repeated_keys)


def _look_at_event_keys(view: LakeView) -> Evidence:
    return _look_at_rows(view, [EVENTS], _repeated_keys)


def _look_at_rules(view: LakeView) -> Evidence:
    return _look_at_rows(view, [table for table in TABLES if table is not EVENTS], _broken_rules)


def _look_at_event_rules(view: LakeView) -> Evidence:
    return _look_at_rows(view, [EVENTS], _broken_rules)


def _look_at_rows(view: LakeView, tables: Sequence[Table], faults_of: FaultsOf) -> Evidence:
    faults, rows = [], 0
    for table in tables:
        if table.name in view.tables:
            where = _scope(view, table)
            rows += view.number(f"SELECT count(*) FROM {table.name} WHERE {where}")
            faults += list(faults_of(view, table, where))
    return Evidence(f"{rows:,} rows", faults)


def _scope(view: LakeView, table: Table) -> str:
    """The rows to look at: without `deep` only the live run's, where a table is kept by run."""
    live = view.pointer.live
    if view.deep or live is None:
        return "true"
    if table.partition_by[:1] == ("run_id",):
        return in_list("run_id", [live.run_id])
    if table.partition_by == ("model_id",):
        models = [m for m in view.partitions(table) if run_of(m) == live.run_id]
        return in_list("model_id", sorted(models))
    return "true"


def _repeated_keys(view: LakeView, table: Table, where: str) -> Iterator[str]:
    key = ", ".join(table.key)
    repeated = view.number(
        f"SELECT count(*) FROM (SELECT {key} FROM {table.name} WHERE {where} "
        f"GROUP BY {key} HAVING count(*) > 1)"
    )
    if repeated:
        yield f"{table.name}: {repeated:,} keys ({key}) stand in more than one row"


def _broken_rules(view: LakeView, table: Table, where: str) -> Iterator[str]:
    """CHECK constraints, and columns that must not be null, counted in one pass."""
    stored = stored_fields(view.tables[table.name])
    present = [column for column in table.columns if column.name in stored]
    broken = {f"CHECK {name}": f"NOT ({rule})" for name, rule in table.constraints.items()}
    broken |= {f"{c.name} is null": f"{c.name} IS NULL" for c in present if not c.nullable}
    counts = ", ".join(
        f"count(*) FILTER (WHERE {condition}) AS n{number}"
        for number, condition in enumerate(broken.values())
    )
    (row,) = view.rows(f"SELECT {counts} FROM {table.name} WHERE {where}")
    for what, count in zip(broken, row.values(), strict=True):
        if count:
            yield f"{table.name}: {what} in {count:,} rows"


INVARIANTS = (
    Invariant(
        "lake-version",
        "The dataset is of this release's lake version.",
        "./spark-submit.sh upgrade brings it there.",
        _look_at_version,
    ),
    Invariant(
        "definitions",
        "Every table has the columns, partitions and CHECK constraints of its definition.",
        "./spark-submit.sh upgrade adds what is missing; a column of another type was changed by hand.",
        _look_at_definitions,
    ),
    Invariant(
        "readable",
        "Every table is readable at Delta reader version 1.",
        "Switch off the table feature that was switched on; some readers see nothing, or nulls.",
        _look_at_readability,
    ),
    Invariant(
        "keys",
        "No key stands in two rows of a table.",
        "Somebody else wrote to the table: restore its version before that, or remove the run.",
        _look_at_keys,
    ),
    Invariant(
        "rules",
        "Every row keeps the CHECK constraints, and nothing is null that must not be.",
        "Somebody else wrote to the table: restore its version before that, or remove the run.",
        _look_at_rules,
    ),
    Invariant(
        "event-keys",
        "No event stands in two rows.",
        "Two writers were at it at once: restore the version of `events` before the second one.",
        _look_at_event_keys,
        deep=True,
    ),
    Invariant(
        "event-rules",
        "Every event keeps the CHECK constraints, and nothing is null that must not be.",
        "Somebody else wrote to `events`: restore its version before that.",
        _look_at_event_rules,
        deep=True,
    ),
)
