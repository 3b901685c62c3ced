"""What was added to a Delta table since it was last taken in, by its log."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from toplists.config.ingest import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import Role
from toplists.ingest.files import InputFile
from toplists.ingest.parquet import ParquetLayout, count_row_groups, find_typed_columns
from toplists.ingest.reading import EventInput
from toplists.ingest.rules import rules_for
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import Row

_HOW_LENGTH = 16
_REREAD = "--set ingest.delta_rewrites=reread reads all of the table once more"


@dataclass(frozen=True)
class Commits:
    """A range of versions of a table: by what it is known, and the files it added, if any.

    `known_as`: what the fingerprints of all ranges of this table, read like this, begin with.
    """

    known_as: str
    versions: str = ""
    inputs: tuple[EventInput, ...] = ()

    @property
    def fingerprint(self) -> str:
        """`<table id>:<how it is read>:<first version>-<last version>`."""
        return self.known_as + self.versions


def find_commits(source: Source, settings: IngestSettings, loads: Sequence[Row]) -> Commits:
    """The versions of a Delta table that come after those loaded, and what they added.

    The first time that is the table as it is. Afterwards it is the files that later commits added; a
    commit that only rearranged files adds nothing. One that took rows away or replaced them, or whose
    files are gone since, is refused, unless `ingest.delta_rewrites` allows to read the whole table once more: events that are known are
    then recognised, and what the table no longer holds stays. A change data feed is not read.

    Args:
        source: A source of kind `delta`.
        settings: Which columns mean what, and what to do about rewrites.
        loads: Rows of `loads`.

    Raises:
        InputRefusedError: there is no such table, it needs a reader that knows more, a column is
            missing, or rows were taken away or cannot be told from the others any more.
    """
    table = _open(source)
    columns, typed_times = find_typed_columns(
        pa.schema(table.schema().to_arrow()), settings.columns, source.path
    )
    last = int(table.version())
    known_as = f"{table.metadata().id}:{_how(columns, typed_times, settings)}:"
    done = _last_loaded(known_as, loads)
    if done is not None and done >= last:
        return Commits(known_as)
    added = None if done is None else _added_since(source, done, last, settings)
    if added == []:
        return Commits(known_as)
    adds = _present(table) if added is None else added
    first = 0 if added is None or done is None else done + 1
    partitions = set(table.metadata().partition_columns)
    inputs = [
        _input(source, add, columns, typed_times, partitions)
        for add in sorted(adds, key=lambda add: str(add["path"]))
    ]
    filled = tuple(one for one in inputs if one is not None)
    if not filled and done is None:
        raise InputRefusedError(f"{source.path} has no rows. Expected at least one event.")
    return Commits(known_as, f"{first}-{last}", filled)


def _open(source: Source) -> DeltaTable:
    try:
        table = DeltaTable(source.path)
    except (DeltaError, OSError, ValueError) as error:
        raise InputRefusedError(
            f"{source.path} is no Delta table that can be read: {error}. Expected a folder with "
            "_delta_log."
        ) from error
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise InputRefusedError(
            f"{source.path} uses column mapping: its files do not have the names of its columns. Write "
            "its rows to a table without, and take that in."
        )
    return table


def _how(columns: dict[Role, str], typed_times: frozenset[Role], settings: IngestSettings) -> str:
    rules = rules_for("delta", ParquetLayout(columns, typed_times, ()), settings)
    text = json.dumps([columns, rules.described()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HOW_LENGTH]


def _last_loaded(known_as: str, loads: Sequence[Row]) -> int | None:
    versions = [
        int(match[1])
        for load in loads
        for one in load.get("files") or ()
        if one["fingerprint"].startswith(known_as)
        and (match := re.search(r"-(\d+)$", one["fingerprint"]))
    ]
    return max(versions, default=None)


def _present(table: DeltaTable) -> list[dict[str, Any]]:
    """The files that the table consists of now."""
    actions = pa.table(table.get_add_actions(flatten=False)).to_pylist()
    return [
        {
            "path": action["path"],
            "partitionValues": action.get("partition") or action.get("partition_values") or {},
            "deletionVector": action.get("deletion_vector"),
        }
        for action in actions
    ]


def _added_since(
    source: Source, done: int, last: int, settings: IngestSettings
) -> list[dict[str, Any]] | None:
    """The files that versions `done` + 1 to `last` added; `None` = read the whole table instead."""
    adds: list[dict[str, Any]] = []
    for version in range(done + 1, last + 1):
        actions = list(_actions(source, version))
        added = [action["add"] for action in actions if _changes(action.get("add"))]
        if what := _hindrance(source, actions, added):
            if settings.delta_rewrites == "reread":
                return None
            raise InputRefusedError(
                f"{source.path}: version {version} {what}, and only appended rows can be told from those "
                f"taken in before (up to version {done}). If what it holds now is right, {_REREAD}: known "
                "events are recognised, and those that it no longer holds stay."
            )
        adds += added
    return adds


def _hindrance(
    source: Source, actions: Sequence[dict[str, Any]], added: Sequence[dict[str, Any]]
) -> str | None:
    """Why the rows that a version appended cannot be read by themselves; `None` if they can."""
    if not actions:
        return "is no longer in its log"
    if any(_changes(action.get("remove")) for action in actions):
        return "took rows away or replaced them"
    if not all(_place(source, add).exists() for add in added):
        return "added files that are gone since (OPTIMIZE and VACUUM)"
    return None


def _place(source: Source, add: dict[str, Any]) -> Path:
    return Path(source.path) / unquote(str(add["path"]))


def _changes(action: dict[str, Any] | None) -> bool:
    return action is not None and bool(action.get("dataChange", True))


def _actions(source: Source, version: int) -> Iterator[dict[str, Any]]:
    path = Path(source.path) / "_delta_log" / f"{version:020}.json"
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _input(
    source: Source,
    add: dict[str, Any],
    columns: dict[Role, str],
    typed_times: frozenset[Role],
    partitions: set[str],
) -> EventInput | None:
    """The file that an action added; `None` if it has no rows."""
    if add.get("deletionVector") is not None:
        raise InputRefusedError(
            f"{source.path} marks rows as deleted beside its files (deletion vectors). Rewrite it with "
            "REORG TABLE … APPLY (PURGE), and take it in then."
        )
    file = InputFile(_place(source, add))
    row_groups = count_row_groups(file)
    values = add.get("partitionValues") or {}
    constants = {
        role: None if values.get(name) is None else str(values[name])
        for role, name in columns.items()
        if name in partitions
    }
    stored = {role: name for role, name in columns.items() if name not in partitions}
    layout = ParquetLayout(stored, typed_times, row_groups, constants)
    return EventInput(file, layout) if sum(row_groups) else None
