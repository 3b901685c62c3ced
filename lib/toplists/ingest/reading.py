"""A file looked at from outside: how it is written.

Everything here happens before a Spark session exists, so that a wrong input is refused at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from toplists.config.ingest import IngestSettings
from toplists.ingest.entries import EntryTable, read_typed
from toplists.ingest.files import InputFile, SourceFiles, plain_file
from toplists.ingest.json_lines import inspect_json
from toplists.ingest.layout import LineLayout, detect_layout
from toplists.ingest.movielens import read_catalogue, read_titles
from toplists.ingest.parquet import ParquetLayout, inspect_parquet
from toplists.ingest.source import Source, SourceKind
from toplists.lake.bookkeeping import Row

EntryForm: TypeAlias = Literal["movielens", "netflix", "typed"]

_FORMS: dict[SourceKind, EntryForm] = {"movielens": "movielens", "netflix": "netflix"}


@dataclass(frozen=True)
class EventInput:
    """One file with events and how it is written."""

    file: InputFile
    layout: LineLayout | ParquetLayout


@dataclass(frozen=True)
class EntryInput:
    """One file that describes items or users, and in what form; `tags` says more about its items."""

    file: InputFile
    table: EntryTable
    form: EntryForm
    tags: InputFile | None = None


def inspect_events(file: InputFile, kind: SourceKind, settings: IngestSettings) -> EventInput:
    """How a file with events of a source of `kind` is written.

    Raises:
        InputRefusedError: the file is missing, empty, not of its kind, or lacks a column.
    """
    if kind == "parquet":
        return EventInput(file, inspect_parquet(file, settings.columns))
    if kind == "jsonl":
        return EventInput(file, inspect_json(file, settings.columns))
    return EventInput(file, detect_layout(file, kind, settings))


def entry_inputs(
    found: SourceFiles, source: Source, settings: IngestSettings
) -> Iterator[EntryInput]:
    """The catalogues of a source: those that lie with it, then those that settings name."""
    form = _FORMS.get(source.kind, "typed")
    tags = found.tags[0] if found.tags else None
    yield from (EntryInput(file, "items", form, tags) for file in found.items)
    yield from (EntryInput(file, "users", form) for file in found.users)
    if settings.items is not None:
        yield EntryInput(_named(settings.items), "items", "typed")
    if settings.users is not None:
        yield EntryInput(_named(settings.users), "users", "typed")


def read_entries(one: EntryInput, settings: IngestSettings) -> Iterator[Row]:
    """The rows of `items` or `users` that a catalogue holds, without `load_id`.

    Raises:
        InputRefusedError: the file is damaged or a row of it is not what its format says.
    """
    match one.form:
        case "movielens":
            yield from read_catalogue(one.file, one.tags)
        case "netflix":
            yield from read_titles(one.file)
        case "typed":
            yield from read_typed(one.file, one.table, settings)


def _named(path: str) -> InputFile:
    return plain_file(Path(path).expanduser().absolute())
