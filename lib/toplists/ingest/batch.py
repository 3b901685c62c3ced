"""What one load takes in: the parts of a source that no complete load holds yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from toplists.config.ingest import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.layout import TextLayout
from toplists.ingest.parquet import ParquetLayout
from toplists.ingest.reading import EntryInput, EventInput
from toplists.ingest.recognition import Part, RecognisedSource
from toplists.ingest.rules import RowRules, rules_for
from toplists.ingest.source import Source, SourceKind
from toplists.lake.bookkeeping import Row

LOAD_ID_LENGTH = 16


@dataclass(frozen=True)
class Batch:
    """The parts of a source that one load takes in; `rules` is `None` where none has events."""

    source: Source
    parts: tuple[Part, ...]
    rules: RowRules | None

    @property
    def events(self) -> tuple[EventInput, ...]:
        """The files with events, in the order in which they are numbered from 0."""
        return tuple(one for part in self.parts for one in part.events)

    @property
    def entries(self) -> tuple[EntryInput, ...]:
        """The catalogues."""
        return tuple(one for part in self.parts for one in part.entries)

    @property
    def row_rules(self) -> RowRules:
        """The rules of a batch that has events.

        Raises:
            ValueError: it has none.
        """
        if self.rules is None:
            raise ValueError("a batch without events has no rows; see ingest_entries")
        return self.rules

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the fingerprints of the parts, in whatever order they came."""
        return _joint_fingerprint(self.parts)

    @property
    def load_id(self) -> str:
        """The beginning of the fingerprint, which names the load in every table."""
        return load_id_of(self.parts)


def load_id_of(parts: Sequence[Part]) -> str:
    """The id of the load that takes in these parts, whatever their order."""
    return _joint_fingerprint(parts)[:LOAD_ID_LENGTH]


def _joint_fingerprint(parts: Sequence[Part]) -> str:
    fingerprints = sorted(part.fingerprint for part in parts)
    return hashlib.sha256("\0".join(fingerprints).encode()).hexdigest()


def next_batch(
    recognised: RecognisedSource, loads: Sequence[Row], settings: IngestSettings
) -> Batch | None:
    """The parts that no load of `loads` holds; `None` if all are held.

    Of several files with the same content the first counts.

    Raises:
        InputRefusedError: files of the batch differ in what their columns mean.
    """
    if _loaded_whole(recognised, loads, settings):
        return None
    held = {one["fingerprint"] for load in loads for one in load.get("files") or ()}
    parts: dict[str, Part] = {}
    for part in recognised.parts:
        if part.fingerprint not in held:
            parts.setdefault(part.fingerprint, part)
    if not parts:
        return None
    new = tuple(parts.values())
    if load_id_of(new) in {load["load_id"] for load in loads}:
        # Noted in a lake of release 0.1.0, whose table of loads has no column for files.
        return None
    inputs = [one for part in new for one in part.events]
    return Batch(recognised.source, new, _common_rules(inputs, recognised.source.kind, settings))


def loads_of(
    recognised: RecognisedSource, loads: Sequence[Row], settings: IngestSettings
) -> list[Row]:
    """Those of `loads` that hold parts of the source."""
    distinct = {part.fingerprint: part for part in recognised.parts}
    load_id = load_id_of(list(distinct.values()))
    whole = _loaded_whole(recognised, loads, settings)
    known_as = recognised.known_as
    return [
        load
        for load in loads
        if (whole is not None and load["fingerprint"] == whole["fingerprint"])
        or load["load_id"] == load_id
        or any(
            one["fingerprint"] in distinct
            # Of a Delta table without new versions there is no part.
            or (known_as is not None and one["fingerprint"].startswith(known_as))
            for one in load.get("files") or ()
        )
    ]


def _loaded_whole(
    recognised: RecognisedSource, loads: Sequence[Row], settings: IngestSettings
) -> Row | None:
    """The load of release 0.1.0, which did not note its files, that took in this very source."""
    fingerprint = _fingerprint_of_0_1_0(recognised, settings)
    return next((load for load in loads if load["fingerprint"] == fingerprint), None)


def _common_rules(
    inputs: Sequence[EventInput], kind: SourceKind, settings: IngestSettings
) -> RowRules | None:
    if not inputs:
        return None
    first = inputs[0]
    rules = rules_for(kind, first.layout, settings)
    for other in inputs[1:]:
        if rules_for(kind, other.layout, settings) != rules:
            raise InputRefusedError(
                f"{other.file} has other columns, or other types of times, than {first.file}. Expected "
                "the files of one load to be alike; take them in as separate sources."
            )
    return rules


def _fingerprint_of_0_1_0(recognised: RecognisedSource, settings: IngestSettings) -> str | None:
    """What release 0.1.0 knew a whole source by; `None` where it could not have read it like this."""
    kind = recognised.source.kind
    inputs = [one for part in recognised.parts for one in part.events]
    if kind not in ("movielens", "csv", "parquet") or not inputs:
        return None
    rules = rules_for(kind, inputs[0].layout, settings)
    if rules != RowRules(
        rules.roles, rules.time_format, rules.version_format, rules.value_range
    ) or any(one.file.encoding != "utf-8" for one in inputs):
        return None
    described = {
        "kind": kind,
        "inputs": sorted(_described_in_0_1_0(one) for one in inputs),
        "times": [rules.time_format, rules.version_format],
        "values": list(rules.value_range),
        "files": sorted({part.digest for part in recognised.parts}),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _described_in_0_1_0(one: EventInput) -> str:
    layout = one.layout
    if isinstance(layout, TextLayout):
        shown = [dict(layout.columns), layout.delimiter, layout.quoted]
        return json.dumps(shown, sort_keys=True)
    assert isinstance(layout, ParquetLayout)  # noqa: S101 - the other kinds came later
    return json.dumps([dict(layout.columns)], sort_keys=True)
