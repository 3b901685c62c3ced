"""A source looked at from outside: which files, how they are written, by which rules rows are judged.

Everything here happens before a Spark session exists, so that a wrong input is refused at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from toplists.config.settings import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import Role
from toplists.ingest.files import InputFile, find_files
from toplists.ingest.layout import TextLayout, detect_layout
from toplists.ingest.parquet import ParquetLayout, inspect_parquet
from toplists.ingest.source import Source

TimeFormat: TypeAlias = Literal["auto", "seconds", "millis", "iso"]

# Stars of MovieLens; a 0 in some export means "not rated" and is no rating.
_MOVIELENS_RANGE = (0.5, 5.0)


@dataclass(frozen=True)
class EventInput:
    """One file with events and how it is written."""

    file: InputFile
    layout: TextLayout | ParquetLayout


@dataclass(frozen=True)
class RowRules:
    """What a row must satisfy, besides having ids.

    `roles`: the roles that have a column; a value, given event id or version must be there if its
    role is. `value_range`: smallest and largest allowed value, `None` = no bound.
    """

    roles: frozenset[Role]
    time_format: TimeFormat
    version_format: TimeFormat
    value_range: tuple[float | None, float | None]


@dataclass(frozen=True)
class Reading:
    """A source and how it is read."""

    source: Source
    inputs: tuple[EventInput, ...]
    catalogue: InputFile | None
    rules: RowRules


def inspect_source(source: Source, settings: IngestSettings) -> Reading:
    """Find the files of `source` and how they are written.

    Raises:
        InputRefusedError: a file is missing, empty, not of its kind, or lacks a column; files of one
            input differ in what their columns mean.
    """
    files = find_files(source)
    inputs = tuple(_inspect_file(file, source, settings) for file in files.events)
    return Reading(source, inputs, files.catalogue, _rules(source, inputs, settings))


def _inspect_file(file: InputFile, source: Source, settings: IngestSettings) -> EventInput:
    if source.kind == "parquet":
        return EventInput(file, inspect_parquet(file, settings.columns))
    return EventInput(file, detect_layout(file, source.kind, settings))


def _rules(source: Source, inputs: tuple[EventInput, ...], settings: IngestSettings) -> RowRules:
    first = inputs[0]
    for other in inputs[1:]:
        if _meaning(other.layout) != _meaning(first.layout):
            raise InputRefusedError(
                f"{other.file} has other columns, or other types of times, than {first.file}. Expected "
                "the files of one input to be alike; take them in as separate sources."
            )
    low, high = _MOVIELENS_RANGE if source.kind == "movielens" else (None, None)
    typed = first.layout.typed_times if isinstance(first.layout, ParquetLayout) else frozenset()
    return RowRules(
        roles=frozenset(first.layout.columns),
        time_format="iso" if "time" in typed else settings.time_format,
        version_format="iso" if "updated_at" in typed else settings.time_format,
        value_range=(
            low if settings.min_value is None else settings.min_value,
            high if settings.max_value is None else settings.max_value,
        ),
    )


def _meaning(layout: TextLayout | ParquetLayout) -> tuple[frozenset[Role], frozenset[Role]]:
    typed = layout.typed_times if isinstance(layout, ParquetLayout) else frozenset()
    return frozenset(layout.columns), typed
