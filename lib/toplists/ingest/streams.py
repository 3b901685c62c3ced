"""Bytes of an input file, unpacked on the way, in blocks of whole lines."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, cast

from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile

BLOCK_BYTES = 4 << 20
LONGEST_LINE = 64 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class LineTooLongError(Exception):
    """A line does not end within `LONGEST_LINE` bytes: whatever this is, it is not rows of text."""


# How a file that cannot be read to its end shows while it is read.
DAMAGE = (EOFError, OSError, zlib.error, zipfile.BadZipFile, LineTooLongError)


def refusal_of_damage(file: InputFile, after_line: int, damage: Exception) -> InputRefusedError:
    """The error to show for one of `DAMAGE`; `after_line` is the last line that was read whole."""
    if isinstance(damage, LineTooLongError):
        expected = f"a line of more than {LONGEST_LINE >> 20} MiB follows. Expected lines of text"
    elif isinstance(damage, EOFError):
        expected = "it ends before its end marker. Expected a complete archive; fetch it again"
    elif isinstance(damage, OSError) and not isinstance(damage, gzip.BadGzipFile):
        expected = f"{damage}. Expected a file that every machine of the cluster can read"
    else:
        expected = f"{damage}. Expected an undamaged archive; fetch it again"
    return InputRefusedError(f"{file} cannot be read after line {after_line}: {expected}.")


@contextmanager
def open_stream(file: InputFile, start: int = 0) -> Iterator[IO[bytes]]:
    """The unpacked bytes of `file` from byte `start` on.

    Raises:
        One of `DAMAGE`, here or while reading.
    """
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(file.path.open("rb"))
        if file.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(stream))
            stream = stack.enter_context(archive.open(file.member))
        if file.gzipped:
            stream = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=stream)))
        if file.seekable:
            stream.seek(start)
        else:
            stream.read(start)
        yield stream


def whole_lines(
    stream: IO[bytes], length: int | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[bytes]:
    """The next `length` bytes (`None` = all) in blocks that end where a line ends.

    Only the last block may lack the final newline. Blocks are about `block_bytes` long, longer where
    a line is.
    """
    rest = b""
    while length is None or length > 0:
        chunk = stream.read(block_bytes if length is None else min(block_bytes, length))
        if not chunk:
            break
        length = None if length is None else length - len(chunk)
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
            if len(rest) > LONGEST_LINE:
                raise LineTooLongError
    if rest:
        yield rest


def first_line(file: InputFile) -> bytes:
    """The first line of `file` with its newline and byte order mark.

    Raises:
        InputRefusedError: `file` is empty, damaged, or not UTF-8 in its first line.
    """
    try:
        with open_stream(file) as stream:
            line = stream.readline(LONGEST_LINE)
    except DAMAGE as damage:
        raise refusal_of_damage(file, 0, damage) from damage
    if not line:
        raise InputRefusedError(f"{file} is empty. Expected rows of text.")
    require_utf8(line, 1, file)
    if b"\r" in line.rstrip(b"\r\n"):
        raise InputRefusedError(
            f"{file}, line 1: a carriage return inside the line. Expected lines that end in a newline; "
            "convert the file with: tr '\\r' '\\n'"
        )
    return line


def require_utf8(block: bytes, first: int, file: InputFile) -> None:
    """Refuse a block that is not UTF-8, naming the line; the block's first line is number `first`."""
    if block.isascii():
        return
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = first + block.count(b"\n", 0, error.start)
        marked = first == 1 and block.startswith(_UTF16_MARKS)
        guess = "UTF-16" if marked else "ISO-8859-1"
        raise InputRefusedError(
            f"{file}, line {line}: byte 0x{block[error.start]:02x} is not UTF-8. If the file is {guess}, "
            f"convert it with: iconv -f {guess} -t UTF-8"
        ) from error
