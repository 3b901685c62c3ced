"""Folders in another storage than a file system that is mounted: an object store, HDFS.

They are reached through pyarrow's file systems, which take credentials from their environment: that of
the driver's process, and that of the executors'.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType

from toplists.engine.seals import BYTES_AT_A_TIME
from toplists.errors import ConfigurationError, ToplistsError
from toplists.reader.file_systems import open_file_system, open_stream

if TYPE_CHECKING:
    from pyarrow import NativeFile


@dataclass(frozen=True)
class RemoteFolder:
    """A folder: the `uri` of the storage as it is set, what it opens, and the `path` in that."""

    uri: str
    files: FileSystem
    path: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.path} in {self.uri}"

    def inner(self, path: PurePosixPath) -> RemoteFolder:
        """A folder in it."""
        return RemoteFolder(self.uri, self.files, str(PurePosixPath(self.path) / path))

    @contextmanager
    def read(self, name: str) -> Iterator[NativeFile]:
        """Open a file.

        Raises:
            FileNotFoundError: there is none.
            ToplistsError: the storage cannot be read.
        """
        with self._reaching("read"), open_stream(self.files, f"{self.path}/{name}") as content:
            yield content

    def write(self, name: str, content: IO[bytes]) -> None:
        """Write a file.

        Raises:
            ToplistsError: the storage cannot be written.
        """
        with self._reaching("written"), self._create(name) as target:
            shutil.copyfileobj(content, target, BYTES_AT_A_TIME)

    def _create(self, name: str) -> NativeFile:
        try:
            return self.files.open_output_stream(f"{self.path}/{name}")
        except FileNotFoundError:  # object stores know no folders
            self.files.create_dir(self.path, recursive=True)
            return self.files.open_output_stream(f"{self.path}/{name}")

    def names(self) -> frozenset[str]:
        """The names of what lies in it; none where it is not there."""
        with self._reaching("read"):
            selector = FileSelector(self.path, allow_not_found=True)
            return frozenset(info.base_name for info in self.files.get_file_info(selector))

    def sizes(self) -> dict[PurePosixPath, int]:
        """The size of every file within it, by its path from here."""
        with self._reaching("read"):
            selector = FileSelector(self.path, allow_not_found=True, recursive=True)
            return {
                PurePosixPath(info.path).relative_to(self.path): info.size
                for info in self.files.get_file_info(selector)
                if info.type is FileType.File
            }

    def remove(self) -> None:
        """Remove it with all that is in it, if it is there."""
        with self._reaching("removed"):
            try:
                self.files.delete_dir(self.path)
            except FileNotFoundError:
                return

    @contextmanager
    def _reaching(self, done: str) -> Iterator[None]:
        """Says of what fails which storage it was."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise  # of this node
            raise ToplistsError(
                f"{self} could not be {done}: {_first_line(error)}. Repeat the command once the storage of "
                "engine.exchange can be reached: it goes on where it stopped."
            ) from error


@lru_cache(maxsize=8)
def open_storage(uri: str) -> RemoteFolder:
    """The folder that a URI names, whether it is there or not.

    Raises:
        ConfigurationError: it names none that could be opened.
    """
    try:
        files, path = open_file_system(_in_one_request(uri))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigurationError(
            f"engine.exchange = {uri} cannot be opened: {_first_line(error)}. Name a folder as s3://BUCKET/PREFIX, "
            "hdfs://HOST:PORT/PATH or file:///PATH."
        ) from error
    return RemoteFolder(uri, files, path.rstrip("/") or "/")


def _in_one_request(uri: str) -> str:
    """The URI by which small files are written to S3 in one request instead of three."""
    option = "allow_delayed_open"
    if not uri.startswith("s3:") or option in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{option}=true"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
