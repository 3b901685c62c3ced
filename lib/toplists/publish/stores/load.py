"""Bringing the live run to a store: what is there already is put live, what is not is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.config.publish import PublishSettings
from toplists.engine.tasks import run_tasks
from toplists.errors import StoreError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.pointer import Publication as LakePublication
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS
from toplists.publish.stores.parts import Cut, ListFiles, Piece, cut_lists, read_part, read_sample
from toplists.publish.stores.store import WRITTEN, IncompleteError, Release, Store, Written
from toplists.reader.layouts import LIST_TABLES, LiveRelease
from toplists.reader.records import Publication

_TABLES = {table.name: table for table in (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS)}

_LOG = logging.getLogger(__name__)

Way = Literal["live already", "put live again", "loaded"]


@dataclass(frozen=True)
class Brought:
    """What became of a store: how the live run got there, and how much was sent and copied for it."""

    run_id: str
    way: Way
    sent: int = 0
    copied: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        """As a person reads it."""
        if self.way != "loaded":
            return self.way
        copied = f", {self.copied:,} copied inside" if self.copied else ""
        return f"{self.sent:,} lists sent ({self.bytes / 2**20:,.1f} MiB){copied}"


@dataclass(frozen=True)
class Loading:
    """What a load works with.

    `start` begins a Spark session, and is called if lists are to be sent; `warn` tells of what did not keep a
    store from being brought up to date.
    """

    dataset: Dataset
    settings: PublishSettings
    start: Callable[[], SparkSession]
    now: Callable[[], datetime]
    warn: Callable[[str], None]


def bring(loading: Loading, store: Store, published: LakePublication, *, resume: bool) -> Brought:
    """Make what is live in Delta live in a store.

    Args:
        loading: What to work with.
        store: The store.
        published: What is live in Delta.
        resume: Go on with what an earlier attempt has loaded, if the store knows.

    Raises:
        StoreError: the store refuses, or shows what this lake never published; readers of it see what they
            saw before.
    """
    name = loading.dataset.name
    live = store.live()
    _require_in_turn(loading, live, published)
    if live is not None and is_shown(live, name, published) and store.keep_up(live):
        brought, former = Brought(published.run_id, "live already"), published.previous_run_id
    else:
        brought = _put_live(loading, store, live, published, resume=resume)
        former = None if live is None else live.release
    # Applications may have looked a moment ago, and ask for lists of what was live then.
    kept = _prune(loading, store, sparing=former)
    if kept is not None:
        loading.warn(f"Store {store.name} shows run {published.run_id}, and keeps too much: {kept}")
    return brought


def _put_live(
    loading: Loading,
    store: Store,
    live: LiveRelease | None,
    published: LakePublication,
    *,
    resume: bool,
) -> Brought:
    """Let readers see a run that they do not see: it is there, or is loaded."""
    name, publication = loading.dataset.name, _as_read(published)
    if store.rollback(publication, name, loading.now()):
        return Brought(publication.run_id, "put live again")
    written = _load(loading, store, live, publication, resume=resume)
    _require_in_turn(loading, store.live(), published)
    store.activate(publication.run_id, name, publication, loading.now())
    return Brought(
        publication.run_id,
        "loaded",
        sent=sum(one.sent for one in written),
        copied=sum(one.copied for one in written),
        bytes=sum(one.bytes for one in written),
    )


def is_shown(live: LiveRelease | None, dataset: str, published: LakePublication) -> bool:
    """Whether a publication of a dataset is what a store shows as its `live`."""
    found = None if live is None else (live.dataset, live.publication)
    return found == (dataset, _as_read(published))


def _require_in_turn(
    loading: Loading, live: LiveRelease | None, published: LakePublication
) -> None:
    """Refuse to put `published` in the place of something later, or of what another lake published.

    Raises:
        StoreError: it is live in Delta no more, or what the store shows is none of its history.
    """
    name, pointer = loading.dataset.name, read_pointer(loading.dataset)
    if pointer.live is not None and pointer.live != published:
        raise StoreError(
            f"run {pointer.live.run_id} has become live in Delta meanwhile. Export again."
        )
    if live is None or live.dataset != name:
        return
    if live.publication not in [_as_read(one) for one in pointer.history]:
        raise StoreError(
            f"it shows run {live.publication.run_id} by publication {live.publication.sequence} of dataset {name}, "
            "which this lake knows nothing of: another lake with a dataset of that name fills it, or this one was "
            "restored. Give this one a place of its own, or remove what is there."
        )


def _prune(loading: Loading, store: Store, sparing: str | None) -> StoreError | None:
    """Remove what is beyond `keep_releases`; why it could not be, which is no reason not to deliver."""
    try:
        store.prune(loading.settings.keep_releases, sparing=sparing)
    except StoreError as error:
        _LOG.warning("store %s is not cleaned up: %s", store.name, error)
        return error
    return None


def _load(
    loading: Loading,
    store: Store,
    live: LiveRelease | None,
    publication: Publication,
    *,
    resume: bool,
) -> Sequence[Written]:
    base, generation = _base(loading, store, live, publication.run_id)
    cut = _cut(loading.dataset, publication.run_id, base, store.rows_per_part)
    release = Release(
        dataset=loading.dataset.name,
        run_id=publication.run_id,
        base=base,
        generation=generation,
        rows=cut.rows,
        fingerprint=cut.fingerprint(base, loading.settings.score_tolerance),
        began=loading.now(),
    )
    # What failed before takes room that this may need.
    _prune(loading, store, sparing=release.run_id)
    first = {piece.part.table.name: piece for piece in reversed(cut.pieces)}
    sample = {name: read_sample(piece) for name, piece in first.items()}
    done = store.prepare(release, resume=resume, sample=sample)
    written = _write_others(loading, store, release, cut, done)
    try:
        store.verify(release, written)
    except IncompleteError as error:
        if not done:
            raise
        _LOG.warning("store %s has not what an earlier attempt noted: %s", store.name, error)
        done = store.prepare(release, resume=False, sample=sample)
        written = _write_others(loading, store, release, cut, done)
        store.verify(release, written)
    return written


def _write_others(
    loading: Loading, store: Store, release: Release, cut: Cut, done: Sequence[Written]
) -> Sequence[Written]:
    """Write the parts that are not done; all of them, in the end."""
    there = {one.part for one in done}
    missing = [piece for piece in cut.pieces if piece.part.number not in there]
    if not missing:
        return done
    tolerance = loading.settings.score_tolerance
    return [*done, *_write(loading.start(), store, release, missing, tolerance)]


def _write(
    spark: SparkSession,
    store: Store,
    release: Release,
    pieces: Sequence[Piece],
    tolerance: float,
) -> list[Written]:
    """Write parts, a task each."""

    def write(piece: Piece) -> Iterator[pa.RecordBatch]:
        has_base = release.base is not None
        lists = read_part(piece, tolerance, has_base=has_base, coded=store.takes_coded)
        yield store.write_partition(release, piece.part, lists).to_batch()

    return [Written(*row) for row in run_tasks(spark, pieces, write, WRITTEN).collect()]


def _base(
    loading: Loading, store: Store, live: LiveRelease | None, run_id: str
) -> tuple[str | None, int]:
    """The release to copy unchanged lists from, and how far this one is from a whole load."""
    if live is None or live.dataset != loading.dataset.name or live.release == run_id:
        return None, 0
    notes = store.notes(live.release)
    if notes is None or notes.generation + 1 >= loading.settings.full_load_every:
        return None, 0
    in_lake = all(_files(loading.dataset, name, live.release) for name in _TABLES)
    if not in_lake or not store.can_copy_from(live.release):
        return None, 0
    return live.release, notes.generation + 1


def _cut(dataset: Dataset, run_id: str, base: str | None, rows_per_part: int) -> Cut:
    files = [
        ListFiles(
            table,
            now=_files(dataset, table.name, run_id),
            before=_files(dataset, table.name, base) if base is not None else (),
        )
        for table in LIST_TABLES
    ]
    if not files[0].now:
        raise StoreError(
            f"the lake holds no lists of run {run_id}, which is live: ./toplists check says what is wrong."
        )
    return cut_lists(files, rows_per_part)


def _files(dataset: Dataset, table: str, run_id: str) -> tuple[str, ...]:
    return partition_files(dataset, _TABLES[table], run_id=run_id)


def _as_read(published: LakePublication) -> Publication:
    names = Publication.__dataclass_fields__
    return Publication(**{name: getattr(published, name) for name in names})
