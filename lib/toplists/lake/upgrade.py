"""Bringing a dataset of an earlier release to the present table definitions.

The definitions are compared with the tables as they are: whatever is missing is added, and nothing is
rewritten or removed, so that it can be killed at any point and run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deltalake import DeltaTable, Schema

from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset, create_table
from toplists.lake.failpoints import written
from toplists.lake.schema import Table, without_comments
from toplists.lake.tables import TABLES
from toplists.lake.version import mark_present, present_version, read_version, require_not_newer

_CONSTRAINT = "delta.constraints."


@dataclass(frozen=True)
class Change:
    """One thing that an upgrade does: a sentence on it, and how it is done."""

    sentence: str
    make: Callable[[], None]


def plan_upgrade(dataset: Dataset) -> list[Change]:
    """What has to be changed for `dataset` to follow the present definitions; nothing is written.

    Raises:
        ConfigurationError: it is of a later release, or a table cannot be brought along.
    """
    require_not_newer(dataset.root)
    changes = [change for table in TABLES for change in _changes(dataset, table)]
    found = read_version(dataset.root)
    if changes or found != present_version():
        changes.append(
            Change(
                f"version.json: version {found.number} becomes {present_version().number}",
                lambda: mark_present(dataset.root),
            )
        )
    return changes


def upgrade(dataset: Dataset) -> list[Change]:
    """Make every change that `plan_upgrade` finds, the mark of the version last; returns them."""
    changes = plan_upgrade(dataset)
    for change in changes:
        change.make()
    return changes


def _changes(dataset: Dataset, table: Table) -> Iterator[Change]:
    if not dataset.has(table):
        path = dataset.root / table.name
        yield Change(f"{table.name}: the table is created", lambda: create_table(path, table))
        return
    opened = DeltaTable(dataset.path(table))
    yield from _missing_columns(opened, table)
    yield from _missing_constraints(opened, table)


def stored_fields(opened: DeltaTable) -> dict[str, Mapping[str, Any]]:
    """The columns of a stored table as Delta's schema JSON has them, by name."""
    return {field["name"]: field for field in json.loads(opened.schema().to_json())["fields"]}


def stored_constraints(opened: DeltaTable) -> set[str]:
    """The names of a stored table's CHECK constraints. Rules are stored in the writer's own wording."""
    settings = opened.metadata().configuration
    return {key.removeprefix(_CONSTRAINT) for key in settings if key.startswith(_CONSTRAINT)}


def _missing_columns(opened: DeltaTable, table: Table) -> Iterator[Change]:
    stored, missing = stored_fields(opened), []
    for column in table.columns:
        if column.name not in stored:
            missing.append(column)
        elif without_comments(stored[column.name]["type"]) != without_comments(column.type):
            raise _impossible(table, f"column {column.name} is of another type than this release's")
    if not missing:
        return
    if not all(column.nullable for column in missing):
        raise _impossible(table, "this release has a column that rows without it could not have")
    names = ", ".join(column.name for column in missing)
    schema = {"type": "struct", "fields": [column.to_json() for column in missing]}

    def add() -> None:
        fields = Schema.from_json(json.dumps(schema)).fields
        with written(f"columns of {table.name}"):
            DeltaTable(opened.table_uri).alter.add_columns(fields)

    yield Change(f"{table.name}: columns {names} are added", add)


def _missing_constraints(opened: DeltaTable, table: Table) -> Iterator[Change]:
    stored = stored_constraints(opened)
    for name, rule in table.constraints.items():
        if name not in stored:
            add = partial(_add_constraint, opened.table_uri, table, name)
            yield Change(f"{table.name}: CHECK {name} ({rule}) is added", add)


def _add_constraint(uri: str, table: Table, name: str) -> None:
    with written(f"constraint of {table.name}"):
        DeltaTable(uri).alter.add_constraint({name: table.constraints[name]})


def _impossible(table: Table, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Table {table.name} cannot be upgraded: {why}. Load the sources anew into a dataset of "
        "another name."
    )
