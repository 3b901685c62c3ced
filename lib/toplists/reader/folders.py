"""A folder of lists in any file system that pyarrow opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pyarrow as pa
from pyarrow.fs import FileSystem, LocalFileSystem

from toplists.reader.addresses import without_secrets
from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.file_systems import (
    HdfsUnavailableError,
    is_hdfs,
    open_file,
    open_file_system,
    open_stream,
)

_MOMENT_SECONDS = 0.2


@dataclass(frozen=True)
class Folder:
    """A folder of a file system, and how it is called."""

    files: FileSystem
    path: str
    shown: str

    @classmethod
    def open(cls, place: str) -> Folder:
        """The folder at a path or a URI.

        Raises:
            AddressError: there is no such kind of file system.
        """
        shown = without_secrets(place) if "://" in place else place
        try:
            return cls(*locate(place), shown)
        except HdfsUnavailableError as error:
            raise AddressError(f"{shown} cannot be opened: {error}.") from None
        except (pa.ArrowException, OSError, ValueError):  # which quotes parts of the address
            raise AddressError(
                f"{shown} is in no file system that pyarrow opens here: write a path, s3://, gs:// or hdfs://."
            ) from None

    @property
    def is_here(self) -> bool:
        """Whether to look takes no request to another machine."""
        return isinstance(self.files, LocalFileSystem)

    def read(self, name: str) -> bytes:
        """The content of a file within."""
        with open_stream(self.files, f"{self.path}/{name}") as stream:
            content: bytes = stream.read()
            return content

    def read_replaced(self, name: str) -> bytes:
        """The content of a file that is replaced while others read it."""
        try:
            return self.read(name)
        except FileNotFoundError:
            if not is_hdfs(self.files):
                raise
            # There the old one goes a moment before the new one comes.
            sleep(_MOMENT_SECONDS)
            return self.read(name)

    def open_file(self, path: str) -> pa.NativeFile:
        """A file by its whole path, to be read at any place."""
        return pa.memory_map(path) if self.is_here else open_file(self.files, path)

    def unavailable(self, error: Exception) -> ListsUnavailableError:
        """What to say of an error of the file system."""
        said = str(error).partition("\n")[0].rstrip(".")
        return ListsUnavailableError(f"{self.shown} cannot be read: {said}.")


def locate(place: str) -> tuple[FileSystem, str]:
    """The file system of a path or a URI, and the folder within.

    Raises:
        ArrowException: pyarrow opens no such file system; or `OSError` or `ValueError`.
    """
    if "://" not in place:
        return LocalFileSystem(), str(Path(place).expanduser().resolve())
    files, path = open_file_system(place)
    return files, path.rstrip("/")
