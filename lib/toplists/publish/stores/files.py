"""Files as a store: Parquet or JSON lines in a folder, and one small file that says what is live.

A task writes files under names of its own attempt, and then a note that names them, by which a resumed export knows
what it need not write again; the manifest, written by `verify`, names those of the attempts that count, and
`activate` removes the others. `current.json` names the manifest, and is replaced as a whole. What is known of a release
stands beside it, written before its first file and removed after its last: whatever is interrupted leaves files
that are known to be ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from typing import Literal

import pyarrow as pa

from toplists.errors import StoreError
from toplists.lake.failpoints import written
from toplists.publish.stores.file_format import FileEntry, FileFormat, Format
from toplists.publish.stores.folder import Folder, open_folder
from toplists.publish.stores.store import (
    OVERTAKEN,
    IncompleteError,
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
    MANIFEST,
    LiveRelease,
    live_from_json,
    release_folder,
)
from toplists.reader.records import Publication

_NOTES = "notes"


class FilesStore(Store):
    """A folder, in any file system that pyarrow opens."""

    rows_per_part = 50_000

    def __init__(self, name: str, address: str, format: Format, shards: int) -> None:  # noqa: A002 - as the setting
        """A store at `address`, see `docs/stores.md`; JSON lines are cut into `shards`."""
        super().__init__(name)
        self._place = address.removeprefix("files:")
        self._format = FileFormat(format, shards)

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
        resume: bool,
        sample: Mapping[str, pa.Table],  # noqa: ARG002 - nobody says how much room there is
    ) -> list[Written]:
        """See `Store`."""
        live = self.live()
        if live is not None and live.dataset != release.dataset:
            raise StoreError(
                f"{self._place} holds the lists of dataset {live.dataset}. Give this one a folder of its own."
            )
        with self._folder() as folder:
            notes = _notes(folder, release.run_id)
            if resume and notes is not None and notes.are_of(release):
                return self._parts(folder, release)
            if live is not None and live.release == release.run_id:
                # What is left of it is read until its manifest is replaced.
                folder.remove(_parts_folder(release.run_id))
            elif self.notes(release.run_id) is not None:
                self._remove(release.run_id)
        self._note(release, "loading")
        return []

    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """See `Store`."""
        entries: list[FileEntry] = []
        home = release_folder(release.run_id)
        with self._folder() as folder:
            _require_going_on(folder, release)
            for shard, rows in self._format.cut(part.table, lists.rows):
                entry, content = self._format.encode(release, part, shard, rows)
                folder.write(f"{home}/{entry.path}", content)
                entries.append(entry)
            size = sum(entry.bytes for entry in entries)
            detail = json.dumps([asdict(entry) for entry in entries])
            done = Written(part.number, len(lists.rows), 0, size, detail)
            # Last: what it names is whole.
            note = f"{self._notes_of_parts(release)}/{part.number:05d}.json"
            folder.replace(note, json.dumps(asdict(done)).encode())
            try:
                _require_going_on(folder, release)
            except StoreError:  # nobody knows of these files any more
                for path in (note, *(f"{home}/{entry.path}" for entry in entries)):
                    folder.remove_file(path)
                raise
        return done

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
                    raise IncompleteError(
                        f"{folder.path}/{place}/{entry.path} has {size} bytes, not {entry.bytes}. Export again."
                    )
            folder.replace(f"{place}/{MANIFEST}", self._format.manifest(release, entries))
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

    def _notes_of_parts(self, release: Release) -> str:
        """The folder of notes of parts, which mean the same in all attempts that use it."""
        return f"{_parts_folder(release.run_id)}/{release.fingerprint}-{self._format.name}"

    def _parts(self, folder: Folder, release: Release) -> list[Written]:
        """The parts that an earlier attempt wrote, and of which all files are there."""
        parts = {}
        sizes = folder.sizes(release_folder(release.run_id))
        home = self._notes_of_parts(release)
        for name in folder.names(home):
            with suppress(ValueError):  # of a note that was cut off
                part = Written(**json.loads(folder.read(f"{home}/{name}") or b""))
                entries = [FileEntry(**entry) for entry in json.loads(part.detail)]
                if all(sizes.get(entry.path) == entry.bytes for entry in entries):
                    parts[part.part] = part
        return list(parts.values())

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


def _parts_folder(release: str) -> str:
    return f"{release_folder(release)}/parts"


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
        folder.remove(_parts_folder(release))
        for path in folder.sizes(home).keys() - named.keys() - {MANIFEST}:
            folder.remove_file(f"{home}/{path}")


def _require_going_on(folder: Folder, release: Release) -> None:
    """Refuse to write for an export that another one has overtaken."""
    notes = _notes(folder, release.run_id)
    if notes is None or not notes.are_of(release):
        raise StoreError(OVERTAKEN)
