"""What lies in a storage that pyarrow opens: a folder, a bucket, HDFS."""

from __future__ import annotations

from pathlib import PurePosixPath

from pyarrow.fs import FileSelector, FileType

from toplists.reader.file_systems import open_file_system


def files_in(uri: str) -> list[str]:
    """The paths of all files below a URI, in its file system."""
    files, path = open_file_system(uri)
    found = files.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return [info.path for info in found if info.type is FileType.File]


def damage(uri: str, pattern: str) -> None:
    """Truncate the files whose path ends as a pattern says."""
    files, _ = open_file_system(uri)
    found = [path for path in files_in(uri) if PurePosixPath(path).match(pattern)]
    assert found
    for path in found:
        with files.open_input_stream(path) as stream:
            content = stream.read()
        with files.open_output_stream(path) as stream:
            stream.write(content[:-8])


def beside(uri: str, name: str) -> str:
    """A folder of another name in the same place."""
    address, mark, options = uri.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{options}"
