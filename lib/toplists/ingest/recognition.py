"""By what the parts of a source are known again: their bytes, and how they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toplists.config.ingest import IngestSettings
from toplists.ingest.delta_log import Commits, find_commits
from toplists.ingest.digests import Digests, Looks, looks_of
from toplists.ingest.files import SourceFiles, find_files
from toplists.ingest.layout import JsonLayout, SectionLayout, TextLayout
from toplists.ingest.parquet import ParquetLayout
from toplists.ingest.reading import EntryInput, EventInput, entry_inputs, inspect_events
from toplists.ingest.rereading import noted_roles
from toplists.ingest.rules import rules_for
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import Row


@dataclass(frozen=True)
class Part:
    """What is taken in, or left out, as a whole: a file, or a range of versions of a Delta table.

    Attributes:
        path: Where it lies.
        fingerprint: By what it is known; neither its name nor its place counts, so that a file that
            was moved is still known.
        digest: SHA-256 of its bytes, in hex; empty for a Delta table.
        events: Its files with events: one, none for a catalogue, several for a Delta table.
        entries: The catalogue that it is, if it is one.
        looks: Of every file that can change, what it looked like before it was read first.
    """

    path: str
    fingerprint: str
    digest: str
    events: tuple[EventInput, ...] = ()
    entries: tuple[EntryInput, ...] = ()
    looks: Mapping[Path, Looks] = field(default_factory=dict, compare=False)

    @property
    def header(self) -> str | None:
        """What names the columns of its rows, to read them again: see `toplists.ingest.rereading`."""
        layout = self.events[0].layout if self.events else None
        match layout:
            case ParquetLayout():
                return noted_roles(layout)
            case JsonLayout():
                return json.dumps(layout.names)
            case TextLayout():
                return layout.header
            case _:
                return None


@dataclass(frozen=True)
class RecognisedSource:
    """A source that was looked at: its parts, those with events first, in order of name.

    `known_as`: of a Delta table, what the fingerprint of each of its parts begins with.
    """

    source: Source
    parts: tuple[Part, ...]
    known_as: str | None = None


def recognise(
    source: Source,
    settings: IngestSettings,
    loads: Sequence[Row] = (),
    digests: Digests | None = None,
) -> RecognisedSource:
    """Look at `source` as `settings` read it. Needs no Spark session.

    Args:
        source: The source.
        settings: How it is read.
        loads: Rows of `loads`; of a Delta table, the versions after those loaded are looked at.
        digests: What is remembered of files; it takes up what is seen of them now.

    Raises:
        InputRefusedError: a file is missing, empty, not of its kind, or lacks a column.
    """
    known_as: str | None = None
    digests = digests or Digests()
    if source.kind == "delta":
        commits = find_commits(source, settings, loads)
        known_as = commits.known_as
        events: Iterator[Part] = _of_table(source, commits)
        found = SourceFiles(())
    else:
        found = find_files(source, settings.encoding)
        looks = {file.path: looks_of(file.path) for file in found.events}
        inspected = [inspect_events(file, source.kind, settings) for file in found.events]
        events = (_of_events(one, source, settings, digests, looks) for one in inspected)
    catalogues = (_of_entries(one, digests) for one in entry_inputs(found, source, settings))
    return RecognisedSource(source, (*events, *catalogues), known_as)


def _of_events(
    one: EventInput,
    source: Source,
    settings: IngestSettings,
    digests: Digests,
    looks: Mapping[Path, Looks],
) -> Part:
    path = one.file.path
    digest = digests.of(path)
    how = rules_for(source.kind, one.layout, settings).described() | {
        "kind": source.kind,
        "layout": _layout(one),
        "member": one.file.member,
        "encoding": one.file.encoding,
    }
    fingerprint = _fingerprint(digest, how)
    return Part(str(one.file), fingerprint, digest, events=(one,), looks={path: looks[path]})


def _of_entries(one: EntryInput, digests: Digests) -> Part:
    path = one.file.path
    looks = {path: looks_of(path)}
    digest = digests.of(path)
    how = {"table": one.table, "form": one.form, "member": one.file.member}
    if one.tags is not None:
        looks[one.tags.path] = looks_of(one.tags.path)
        how["tags"] = f"{digests.of(one.tags.path)} {one.tags.member}"
    return Part(str(one.file), _fingerprint(digest, how), digest, entries=(one,), looks=looks)


def _of_table(source: Source, commits: Commits) -> Iterator[Part]:
    """What versions of a Delta table added; nothing where they brought no rows."""
    if commits.inputs:
        yield Part(source.path, commits.fingerprint, "", events=commits.inputs)


def _fingerprint(digest: str, how: Mapping[str, object]) -> str:
    text = json.dumps([digest, how], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _layout(one: EventInput) -> list[object]:
    layout = one.layout
    rows = layout.rows if isinstance(layout, SectionLayout) else layout
    if isinstance(rows, TextLayout):
        return [dict(layout.columns), rows.delimiter, rows.quoted]
    return [dict(layout.columns)]
