"""Whether an input was taken in before: a hash of its bytes and of how they are read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from toplists.config.settings import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.layout import TextLayout
from toplists.ingest.reading import EventInput, Reading, inspect_source
from toplists.ingest.source import Source

_LOAD_ID_LENGTH = 16


@dataclass(frozen=True)
class RecognisedSource:
    """A source that was looked at: how to read it, and by what it is known.

    `fingerprint` is the SHA-256, in hex, of the input's bytes and of how they are read.
    """

    reading: Reading
    fingerprint: str

    @property
    def load_id(self) -> str:
        """The beginning of the fingerprint, which names the load in every table."""
        return self.fingerprint[:_LOAD_ID_LENGTH]


def recognise(source: Source, settings: IngestSettings) -> RecognisedSource:
    """Look at `source` as `settings` read it. Needs no Spark session.

    Raises:
        InputRefusedError: the source cannot be taken in, as `inspect_source`.
    """
    reading = inspect_source(source, settings)
    return RecognisedSource(reading, _fingerprint(reading))


def _fingerprint(reading: Reading) -> str:
    """The fingerprint of a source that was inspected.

    Neither names nor places of files count, so that a file that was moved is still known.
    """
    rules = reading.rules
    paths = {one.file.path for one in reading.inputs}
    if reading.catalogue is not None:
        paths.add(reading.catalogue.path)
    described = {
        "kind": reading.source.kind,
        "inputs": sorted(_describe(one) for one in reading.inputs),
        "times": [rules.time_format, rules.version_format],
        "values": list(rules.value_range),
        "files": sorted(_sha256(path) for path in paths),
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(one: EventInput) -> str:
    layout = one.layout
    columns = dict(layout.columns)
    if isinstance(layout, TextLayout):
        return json.dumps([columns, layout.delimiter, layout.quoted], sort_keys=True)
    return json.dumps([columns], sort_keys=True)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputRefusedError(f"{path} cannot be read: {error.strerror}.") from error
