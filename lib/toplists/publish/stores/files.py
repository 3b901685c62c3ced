"""Files as a store: Parquet or JSON lines in a folder, and one small file that says what is live.

A task writes files under names of its own attempt; the manifest, written by `verify`, names those of the
attempts that count. `current.json` names the manifest, and is replaced as a whole. What is known of a release
stands beside it, written before its first file and removed after its last: whatever is interrupted leaves files
that are known to be ours.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.folder import Folder, open_folder
from toplists.publish.stores.store import (
    Notes,
    Part,
    PartLists,
    Release,
    Store,
    Written,
    kept_releases,
    require_all,
)
from toplists.reader.layouts import (
    CURRENT,
    LAYOUT,
    LIST_TABLES,
    MANIFEST,
    ROWS_PER_GROUP,
    ListTable,
    LiveRelease,
    live_from_json,
    release_folder,
    shard_of,
)
from toplists.reader.records import Publication

_NOTES = "notes"

Format = Literal["parquet", "jsonl"]


@dataclass(frozen=True)
class FileEntry:
    """A file, as the manifest names it."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    first: str
    last: str
    shard: int | None


class FilesStore(Store):
    """A folder, in any file system that pyarrow opens."""

    rows_per_part = 50_000

    def __init__(self, name: str, address: str, format: Format, shards: int) -> None:  # noqa: A002 - as the setting
        """A store at `address`, see `docs/stores.md`; JSON lines are cut into `shards`."""
        super().__init__(name)
        self._place = address.removeprefix("files:")
        self._format = format
        self._shards = shards

    def can_copy_from(self, release: str) -> bool:  # noqa: ARG002 - of none
        """See `Store`: files are written whole."""
        return False

    def live(self) -> LiveRelease | None:
        """See `Store`."""
        with self._folder() as folder:
            found = folder.read(CURRENT)
            if found is None:
                return None
            with _understood(f"{folder.path}/{CURRENT}"):
                return live_from_json(found)

    def notes(self, release: str) -> Notes | None:
        """See `Store`."""
        with self._folder() as folder:
            notes = _notes(folder, release)
            if notes is None and folder.sizes(release_folder(release)):
                raise StoreError(
                    f"{folder.path}/{release_folder(release)} has files that no export made. Move them away."
                )
            return notes

    def is_whole(self, release: str) -> bool:
        """See `Store`: what the manifest names is there, in its size."""
        if not super().is_whole(release):
            return False
        with self._folder() as folder:
            named = _named(folder, release)
            sizes = folder.sizes(release_folder(release))
        return named is not None and all(sizes.get(path) == size for path, size in named.items())

    def prepare(
        self,
        release: Release,
        *,
        resume: bool,  # noqa: ARG002 - without a manifest no file is known to be whole
        sample: Mapping[str, pa.Table],  # noqa: ARG002 - nobody says how much room there is
    ) -> list[Written]:
        """See `Store`."""
        live = self.live()
        if live is not None and live.dataset != release.dataset:
            raise StoreError(
                f"{self._place} holds the lists of dataset {live.dataset}. Give this one a folder of its own."
            )
        # What is left of a live release is read until its manifest is replaced.
        is_live = live is not None and live.release == release.run_id
        if not is_live and self.notes(release.run_id) is not None:
            self._remove(release.run_id)
        self._note(release, "loading")
        return []

    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """See `Store`."""
        entries: list[FileEntry] = []
        with self._folder() as folder:
            _require_going_on(folder, release)
            for shard, rows in self._files_of(part.table, lists.rows):
                entry, content = self._encode(release, part, shard, rows)
                folder.write(f"{release_folder(release.run_id)}/{entry.path}", content)
                entries.append(entry)
            try:
                _require_going_on(folder, release)
            except StoreError:  # nobody knows of these files any more
                for entry in entries:
                    folder.remove_file(f"{release_folder(release.run_id)}/{entry.path}")
                raise
        size = sum(entry.bytes for entry in entries)
        detail = json.dumps([asdict(entry) for entry in entries])
        return Written(part.number, len(lists.rows), 0, size, detail)

    def verify(self, release: Release, written: Sequence[Written]) -> None:
        """See `Store`."""
        require_all(release, written)
        entries = [FileEntry(**entry) for one in written for entry in json.loads(one.detail)]
        place = release_folder(release.run_id)
        with self._folder() as folder:
            sizes = folder.sizes(place)
            for entry in entries:
                size = sizes.get(entry.path)
                if size != entry.bytes:
                    raise StoreError(
                        f"{folder.path}/{place}/{entry.path} has {size} bytes, not {entry.bytes}. Export again."
                    )
            folder.replace(f"{place}/{MANIFEST}", self._manifest(release, entries))
        self._note(release, "complete")

    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        """See `Store`."""
        record = json.loads(LiveRelease(dataset, run_id, publication, now).to_json())
        content = {**record, "manifest": f"{release_folder(run_id)}/{MANIFEST}"}
        with self._folder() as folder:
            _remove_strays(folder, run_id)
            folder.replace(CURRENT, json.dumps(content, indent=2).encode())

    def prune(self, keep: int, sparing: str | None = None) -> list[str]:
        """See `Store`."""
        live = self.live()
        with self._folder() as folder:
            for home in (".", _NOTES):
                folder.remove_drafts(home)
            known = [one[: -len(".json")] for one in folder.names(_NOTES) if one.endswith(".json")]
            found = {name: _notes(folder, name) for name in known}
        notes = {name: one for name, one in found.items() if one is not None}
        gone = sorted(
            set(notes) - kept_releases(notes, live.release if live else None, keep, sparing)
        )
        for release in gone:
            self._remove(release)
        return gone

    def _note(self, release: Release, state: Literal["loading", "complete"]) -> None:
        notes = Notes(
            *(release.dataset, release.run_id, state, release.fingerprint),
            *(release.generation, release.began),
        )
        content = json.dumps(asdict(notes), default=datetime.isoformat, indent=2)
        with self._folder() as folder:
            folder.replace(_notes_file(release.run_id), content.encode())

    def _remove(self, release: str) -> None:
        with self._folder() as folder, written("removal of a release of files"):
            folder.remove(release_folder(release))
            # Last: what has no notes is not ours.
            folder.remove_file(_notes_file(release))

    def _files_of(self, table: ListTable, rows: pa.Table) -> Iterator[tuple[int | None, pa.Table]]:
        """What goes into a file each, in order of the key: a shard, or all."""
        if not len(rows):
            return
        if self._format == "parquet":
            yield None, rows
            return
        shards = [shard_of(key, self._shards) for key in rows[table.key].to_pylist()]
        numbers = pa.array(shards, pa.int32())
        for shard in sorted(set(shards)):
            yield shard, rows.filter(pa.compute.equal(numbers, shard))

    def _encode(
        self, release: Release, part: Part, shard: int | None, rows: pa.Table
    ) -> tuple[FileEntry, bytes]:
        attempt = f"{part.number:05d}-{uuid4().hex[:12]}"
        if shard is None:
            name, content = f"part-{attempt}.parquet", _parquet(rows)
        else:
            content = _json_lines(release.run_id, part.table.key, rows)
            name = f"{shard:04d}-{attempt}.jsonl.gz"
        keys = rows[part.table.key]
        entry = FileEntry(
            table=part.table.name,
            path=f"{part.table.name}/{name}",
            rows=len(rows),
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            first=keys[0].as_py(),
            last=keys[-1].as_py(),
            shard=shard,
        )
        return entry, content

    def _manifest(self, release: Release, entries: Sequence[FileEntry]) -> bytes:
        tables: dict[str, list[dict[str, Any]]] = {table.name: [] for table in LIST_TABLES}
        for entry in sorted(entries, key=lambda entry: (entry.first, entry.path)):
            fields = asdict(entry)
            tables[fields.pop("table")].append(fields)
        content = {
            "layout": LAYOUT,
            "dataset": release.dataset,
            "release": release.run_id,
            "run_id": release.run_id,
            "format": self._format,
            "shards": self._shards if self._format == "jsonl" else None,
            "tables": tables,
        }
        return json.dumps(content, indent=1).encode()

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        """The folder; what its file system refuses becomes a `StoreError`."""
        try:
            yield open_folder(self._place)
        except (OSError, pa.ArrowException) as error:
            said = str(error).partition("\n")[0].rstrip(".")
            raise StoreError(
                f"{self._place} cannot be used: {said}. Look at its permissions and its free space."
            ) from error


def _notes_file(release: str) -> str:
    return f"{_NOTES}/{release}.json"


def _notes(folder: Folder, release: str) -> Notes | None:
    found = folder.read(_notes_file(release))
    if found is None:
        return None
    with _understood(f"{folder.path}/{_notes_file(release)}"):
        fields = json.loads(found)
        return Notes(**fields | {"began": datetime.fromisoformat(fields["began"])})


@contextmanager
def _understood(file: str) -> Iterator[None]:
    """That a file is none of ours, or was cut off, becomes a `StoreError`."""
    try:
        yield
    except ValueError as error:
        raise StoreError(
            f"{file} is not as an export writes it ({error}). Restore it; or remove it, and export again."
        ) from error


def _named(folder: Folder, release: str) -> dict[str, int] | None:
    """The files that the manifest of a release names, with their sizes; `None` if there is none."""
    manifest = folder.read(f"{release_folder(release)}/{MANIFEST}")
    if manifest is None:
        return None
    entries = [entry for of in json.loads(manifest)["tables"].values() for entry in of]
    return {entry["path"]: entry["bytes"] for entry in entries}


def _remove_strays(folder: Folder, release: str) -> None:
    """Remove files of a complete release that are no part of it: of attempts that were killed, or came second."""
    home, named = release_folder(release), _named(folder, release)
    if named is not None:
        for path in folder.sizes(home).keys() - named.keys() - {MANIFEST}:
            folder.remove_file(f"{home}/{path}")


def _require_going_on(folder: Folder, release: Release) -> None:
    """Refuse to write for an export that another one has overtaken."""
    notes = _notes(folder, release.run_id)
    if notes is None or (notes.fingerprint, notes.state) != (release.fingerprint, "loading"):
        raise StoreError("another export has begun this release anew meanwhile.")


def _parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", row_group_size=ROWS_PER_GROUP)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _json_lines(run_id: str, key: str, rows: pa.Table) -> bytes:
    target = io.BytesIO()
    chosen = rows.select(["placement", key, "items", "short_reason"])
    # Without a time in it, the same lists are the same bytes.
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0) as packed:
        for batch in chosen.to_batches(max_chunksize=1_000):
            for row in batch.to_pylist():
                line = json.dumps({"run_id": run_id, **row}, ensure_ascii=False)
                packed.write(line.encode() + b"\n")
    return target.getvalue()
