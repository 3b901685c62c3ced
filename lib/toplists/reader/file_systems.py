"""File systems by their URIs, as pyarrow opens them, and what differs in HDFS.

pyarrow reaches HDFS through libhdfs, which runs a JVM in this very process.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from pyarrow.fs import FileSystem, FileType

if TYPE_CHECKING:
    from pyarrow import NativeFile

_THROUGH_LIBHDFS = ("hdfs:", "viewfs:")
_JVM_OPTIONS = "LIBHDFS_OPTS"
# The JVM leaves signals alone: with handlers of its own it would end the process on Ctrl-C where Python raises
# KeyboardInterrupt. And it does not take a quarter of the machine's memory, as each process has one.
_KEEPING_TO_ITSELF = "-Xrs -Xmx256m"
# After how many milliseconds, and then after twice the time each, a client that closes a file asks again whether all
# of it is there. Hadoop begins with 400, and data nodes have mostly not reported a small file at once.
_BLOCK = "dfs.client.block.write.locateFollowingBlock"
_CLOSING = {f"{_BLOCK}.initial.delay.ms": 20, f"{_BLOCK}.retries": 10}


class HdfsUnavailableError(OSError):
    """HDFS cannot be opened from this process."""


def open_file_system(uri: str) -> tuple[FileSystem, str]:
    """The file system of a URI, and the path within.

    Raises:
        HdfsUnavailableError: libhdfs or its JVM cannot be loaded, or they know of no such HDFS.
        ArrowException: pyarrow opens no such file system; or `OSError` or `ValueError`.
    """
    through_libhdfs = uri.startswith(_THROUGH_LIBHDFS)
    files, path = _open_hdfs(uri) if through_libhdfs else FileSystem.from_uri(uri)
    return files, path


def _open_hdfs(uri: str) -> tuple[FileSystem, str]:
    given = os.environ.get(_JVM_OPTIONS, "")
    if not given.startswith(_KEEPING_TO_ITSELF):  # of two sizes of the heap the last one counts
        os.environ[_JVM_OPTIONS] = f"{_KEEPING_TO_ITSELF} {given}".strip()
    options = "&".join(f"{name}={value}" for name, value in _CLOSING.items() if name not in uri)
    try:
        files, path = FileSystem.from_uri(f"{uri}{'&' if '?' in uri else '?'}{options}")
    except OSError as error:
        said = str(error).partition("\n")[0]
        raise HdfsUnavailableError(
            f"{said}. See that JAVA_HOME, ARROW_LIBHDFS_DIR (the folder of libhdfs.so) and CLASSPATH (Hadoop's "
            "jars) are set for this process; standard error may say more"
        ) from error
    return files, path


def is_hdfs(files: FileSystem) -> bool:
    """Whether files are reached through libhdfs."""
    return bool(files.type_name == "hdfs")


def open_stream(files: FileSystem, path: str) -> NativeFile:
    """A file, to be read from its beginning.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
    """
    _require_file(files, path)
    return files.open_input_stream(path, compression=None)


def open_file(files: FileSystem, path: str) -> NativeFile:
    """A file, to be read at any place.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
    """
    _require_file(files, path)
    return files.open_input_file(path)


def delete_file(files: FileSystem, path: str) -> None:
    """Delete a file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be deleted.
    """
    _require_file(files, path)
    files.delete_file(path)


def _require_file(files: FileSystem, path: str) -> None:
    """See that it is there, where libhdfs would print a page of Java, or say of a deletion only that it failed."""
    if is_hdfs(files) and files.get_file_info(path).type is FileType.NotFound:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
