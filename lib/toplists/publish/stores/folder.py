"""A folder of any file system that pyarrow opens, and files in it that are replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from toplists.lake.failpoints import written
from toplists.reader.file_systems import delete_file, is_hdfs, open_stream
from toplists.reader.folders import locate

_DRAFT = ".tmp"
_BYTES_AT_A_TIME = 1 << 24
# In HDFS a file is moved onto another one by deleting that first, where others may come in between.
_TRIES = 20


@dataclass(frozen=True)
class Folder:
    """A folder of a file system."""

    files: FileSystem
    path: str

    @property
    def _has_drafts(self) -> bool:
        """Whether a file is seen before it is whole: an object is there when its last byte has arrived."""
        return isinstance(self.files, LocalFileSystem) or is_hdfs(self.files)

    def read(self, name: str) -> bytes | None:
        """The content of a file; `None` where there is none."""
        try:
            with open_stream(self.files, f"{self.path}/{name}") as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file that nobody looks for yet."""
        self._create_folder(name)
        with (
            written("content of a store"),
            self.files.open_output_stream(f"{self.path}/{name}", compression=None) as stream,
        ):
            # libhdfs copies what it is given at once into the memory of its JVM.
            for start in range(0, len(content), _BYTES_AT_A_TIME):
                stream.write(content[start : start + _BYTES_AT_A_TIME])

    def replace(self, name: str, content: bytes) -> None:
        """Write a file so that others see the former content or this one; in HDFS, for a moment, neither."""
        if not self._has_drafts:
            self.write(name, content)
            return
        draft = f"{name}.{uuid4().hex[:12]}{_DRAFT}"
        self.write(draft, content)
        with written("pointer of a store"):
            self._move(f"{self.path}/{draft}", f"{self.path}/{name}")

    def _move(self, draft: str, path: str) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self.files.move(draft, path)
            except OSError:
                if not (left and is_hdfs(self.files) and self._is_file(draft)):
                    raise
            else:
                return

    def _is_file(self, path: str) -> bool:
        return bool(self.files.get_file_info(path).type is FileType.File)

    def remove_drafts(self, name: str) -> None:
        """Remove what a `replace` in a folder within left when it was killed. None may be under way there."""
        if not self._has_drafts:
            return
        for one in self.names(name):
            if one.endswith(_DRAFT):
                self.remove_file(f"{name}/{one}")

    def sizes(self, name: str) -> dict[str, int]:
        """The sizes of all files in a folder within and in its own, by their paths from there."""
        home = f"{self.path}/{name}"
        selector = FileSelector(home, allow_not_found=True, recursive=True)
        files = [one for one in self.files.get_file_info(selector) if one.type is FileType.File]
        return {info.path[len(home) + 1 :]: info.size for info in files}

    def names(self, name: str) -> list[str]:
        """What lies in a folder within."""
        selector = FileSelector(f"{self.path}/{name}", allow_not_found=True)
        return sorted(info.base_name for info in self.files.get_file_info(selector))

    def remove(self, name: str) -> None:
        """Remove a folder within, if it is there."""
        with written("folder of a store"):
            try:
                self.files.delete_dir(f"{self.path}/{name}")
            except FileNotFoundError:
                return

    def remove_file(self, name: str) -> None:
        """Remove a file, if it is there."""
        with written("file of a store"):
            try:
                delete_file(self.files, f"{self.path}/{name}")
            except FileNotFoundError:
                return

    def _create_folder(self, name: str) -> None:
        with written("folder of a store"):
            self.files.create_dir(f"{self.path}/{name}".rpartition("/")[0], recursive=True)


def open_folder(place: str) -> Folder:
    """The folder of a path, or of a URI that pyarrow knows; it need not be there."""
    return Folder(*locate(place))
