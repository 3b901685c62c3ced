"""The identity of a run: one `as_of` over one state of the inputs, configuration and code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.abc import Traversable
from importlib.resources import files

from toplists import __version__
from toplists.config.settings import Settings
from toplists.dataset.stop_list import stop_list_digest
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import Row
from toplists.lake.ledger import Run

_HASH_DIGITS = 8


def identify_run(
    as_of: date,
    load_ids: Sequence[str],
    settings: Settings,
    stop_items: Collection[str],
    *,
    vectors: str | None = None,
    parent: Run | None = None,
) -> Run:
    """The run over these loads under these settings.

    The inputs enter by their loads, not by table versions: a table's version also changes when it is
    compacted, which changes no list.

    Args:
        as_of: End of what is known.
        load_ids: Every load of the dataset.
        settings: The settings; those that decide a list enter.
        stop_items: The items on the stop-list, whose file may change while its name does not.
        vectors: The digest of the tables of vectors that its models read, if there are any; the same.
        parent: The run that its fits start from, if any.
    """
    known = {"loads": sorted(load_ids), "stop_list": stop_list_digest(stop_items)}
    if vectors is not None:
        known["vectors"] = vectors
    lineage = {"parent": parent.run_id, "generation": parent.generation + 1} if parent else {}
    inputs = json.dumps(known | lineage)
    configuration = json.dumps(settings.result_affecting(), sort_keys=True)
    code = code_version()
    fingerprint = _digest(inputs, configuration, code)
    return Run(
        run_id=f"{as_of.isoformat()}-{fingerprint}",
        as_of=as_of,
        inputs=inputs,
        configuration=configuration,
        configuration_hash=_digest(configuration),
        code_version=code,
    )


def identify_study(kind: str, run: Run, definition: Mapping[str, object]) -> Run:
    """The ledger's entry for what is found out on the snapshot of a run, which it goes with.

    Args:
        kind: The verb.
        run: The run.
        definition: What is found out, as JSON-ready values.
    """
    configuration = json.dumps(definition, sort_keys=True)
    digest = _digest(configuration)
    return Run(
        run_id=f"{run.run_id}.{kind}-{digest}",
        as_of=run.as_of,
        inputs=run.inputs,
        configuration=configuration,
        configuration_hash=digest,
        code_version=run.code_version,
    )


def identify_load(load_id: str, settings: Settings) -> Run:
    """The ledger's entry for taking in one input, which precedes any run over it."""
    configuration = json.dumps(settings.ingest.model_dump(mode="json"), sort_keys=True)
    return Run(
        run_id=f"load-{load_id}",
        as_of=None,
        inputs=json.dumps({"loads": [load_id]}),
        configuration=configuration,
        configuration_hash=_digest(configuration),
        code_version=code_version(),
    )


def identify_maintenance(now: datetime, settings: Settings) -> Run:
    """The ledger's entry for looking after the tables, one a day."""
    chosen = {"maintain": settings.maintain, "publish": settings.publish}
    configuration = json.dumps(
        {name: section.model_dump(mode="json") for name, section in chosen.items()}, sort_keys=True
    )
    return Run(
        run_id=f"maintain-{now.date()}",
        as_of=None,
        inputs=json.dumps({"loads": []}),
        configuration=configuration,
        configuration_hash=_digest(configuration),
        code_version=code_version(),
    )


def default_as_of(loads: Sequence[Row]) -> date:
    """The day after the newest event; where no event has a time, the day of the newest load.

    Raises:
        ConfigurationError: nothing was ever loaded.
    """
    if not loads:
        raise ConfigurationError(
            "Nothing was loaded yet. Run ingest or nightly with --source first."
        )
    times = [load["newest_event_time"] for load in loads if load["newest_event_time"]]
    if times:
        newest: date = max(times).date()
        return newest + timedelta(days=1)
    loaded: date = max(load["loaded_at"] for load in loads).date()
    return loaded


@cache
def code_version() -> str:
    """Release, and a hash of the sources, so that changed code makes a new run."""
    digest = hashlib.sha256()
    for source in sorted(_sources(files("toplists")), key=lambda source: source[0]):
        digest.update(source[0].encode() + b"\0" + source[1])
    return f"{__version__}+{digest.hexdigest()[:_HASH_DIGITS]}"


def _sources(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_DIGITS]
