"""Parts whose files lie in another storage than the manifests which name them.

A part is named by a path beside the manifests, wherever its files are: a file above that path says so,
once and for all that lies below it. Whoever opens an array gets a copy on its own node, which is made
when the first task asks for it and compared with the part's seal. What a task wrote is such a copy too.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from shutil import rmtree
from uuid import uuid4

from toplists.engine.remote_folder import RemoteFolder, open_storage
from toplists.engine.scratch import locked, scratch
from toplists.engine.seals import SEAL, pieces_of, read_seal, seal
from toplists.errors import ToplistsError
from toplists.lake.dataset import WORK
from toplists.lake.failpoints import written
from toplists.lake.files import write_atomically

PLACE = "toplists-exchange.json"
"""The file in a run's folder that says where its parts lie."""


def keep_parts_in(folder: Path, uri: str) -> None:
    """Let the parts below `folder` lie in the storage of `uri`, unless it was settled before where.

    Nobody else's lie in the same place: two lakes may share a storage, and a run be made again.
    """
    if not (folder / PLACE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        place = {"uri": uri, "folder": f"{folder.name}-{uuid4().hex[:16]}"}
        write_atomically(folder / PLACE, json.dumps(place))


@dataclass(frozen=True)
class RemotePart:
    """A part, or a folder of parts: where its files are, and where this node copies them to.

    `named` is the path that it is known by.
    """

    named: Path
    folder: RemoteFolder
    copies: Path

    def save(self) -> None:
        """Bring what was written as this node's copy to the storage; the seal last."""
        for file in sorted(self.copies.glob("*.npy")):
            self._send(file)
        seal(self.copies)
        self._send(self.copies / SEAL)

    def _send(self, file: Path) -> None:
        with file.open("rb") as content:
            self.folder.write(file.name, content)

    def sums(self) -> Mapping[str, int]:
        """The checksums of its files."""
        file = self.copies / SEAL
        if not file.exists():
            self._copy(SEAL)
        try:
            return read_seal(lambda _: file.open("rb"))
        except ValueError:
            with written("removal of a damaged seal"):
                file.unlink(missing_ok=True)  # the next attempt shall not find it
            raise self._damaged(SEAL) from None

    def copy(self, name: str) -> Path:
        """This node's copy of one of its files.

        Raises:
            ToplistsError: it is damaged or gone, or the storage cannot be read.
        """
        file = self.copies / name
        if file.exists():
            return file
        checksum = self.sums().get(name)
        if checksum is None:
            raise self._damaged(name)
        return self._copy(name, checksum)

    def _copy(self, name: str, checksum: int | None = None) -> Path:
        file = self.copies / name
        self.copies.mkdir(parents=True, exist_ok=True)
        with locked(self.copies / "lock"):
            if not file.exists():
                self._fetch(file, checksum)
        return file

    def _fetch(self, file: Path, checksum: int | None) -> None:
        draft, found = file.with_name(f".{file.name}.tmp"), 0
        with written(f"copy of {file.name}"):
            try:
                with self.folder.read(file.name) as content, draft.open("wb") as target:
                    for piece in pieces_of(content):
                        found = zlib.crc32(piece, found)
                        target.write(piece)
            except FileNotFoundError:
                raise self._damaged(file.name) from None
            if checksum not in (None, found):
                draft.unlink()
                raise self._damaged(file.name)
            draft.replace(file)

    def _damaged(self, name: str) -> ToplistsError:
        return ToplistsError(
            f"{name} of {self.folder} is gone or not as it was written. Repeat the command: a fit goes on "
            f"after its last files that are whole. If it says so again, delete {self.named.parent} and "
            "repeat it: what belongs there is made anew."
        )


def find_remote(path: Path) -> RemotePart | None:
    """Where a part or a folder of parts is, or `None` where that is the path itself."""
    for folder in (path, *path.parents):
        if folder.name == WORK:  # of a dataset: runs are below
            break
        try:
            place = json.loads((folder / PLACE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        inner = PurePosixPath(place["folder"], *path.relative_to(folder).parts)
        copies = scratch() / "parts" / inner
        return RemotePart(path, open_storage(place["uri"]).inner(inner), copies)
    return None


@lru_cache(maxsize=4096)
def find_part(path: str) -> RemotePart | None:
    """The same of a part, which stays where it is and is the only one of its name."""
    return find_remote(Path(path))


def forget_removed(folder: Path) -> None:
    """Remove this node's copies of parts of the same run as `folder` that are gone."""
    remote = find_remote(folder)
    if remote is None:
        return
    top = scratch() / "parts"
    run = remote.copies.relative_to(top).parts[0]
    kept = defaultdict(list)
    # Written parts are sealed when they are there.
    for sealed in (top / run).rglob(SEAL):
        kept[sealed.parent.parent].append(sealed.parent)
    storage = open_storage(remote.folder.uri)
    for parent, copies in kept.items():
        there = storage.inner(PurePosixPath(*parent.relative_to(top).parts)).names()
        for copy in copies:
            if copy.name not in there:
                rmtree(copy, ignore_errors=True)
