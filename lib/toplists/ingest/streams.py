"""Bytes of an input file, unpacked on the way, in blocks of whole lines of UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Protocol, cast

from toplists.config.ingest import Encoding
from toplists.errors import InputRefusedError
from toplists.ingest.archives import HARMLESS_BYTES, LARGEST_RATIO
from toplists.ingest.files import InputFile

BLOCK_BYTES = 4 << 20
LONGEST_LINE = 64 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class LineTooLongError(Exception):
    """A line does not end within `LONGEST_LINE` bytes: whatever this is, it is not rows of text."""


class BombError(Exception):
    """Packed bytes unpack to far more than any rows of text would."""


# How a file that cannot be read to its end shows while it is read.
DAMAGE = (
    EOFError,
    OSError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,  # a zip member packed by a method that Python does not know
    LineTooLongError,
    BombError,
)


def refusal_of_damage(file: InputFile, after_line: int, damage: Exception) -> InputRefusedError:
    """The error to show for one of `DAMAGE`; `after_line` is the last line that was read whole."""
    if isinstance(damage, LineTooLongError):
        expected = f"a line of more than {LONGEST_LINE >> 20} MiB follows. Expected lines of text"
    elif isinstance(damage, BombError):
        expected = (
            f"it unpacks to more than {LARGEST_RATIO} times its size. Expected rows of text, which "
            "never shrink like that"
        )
    elif isinstance(damage, EOFError):
        expected = "it ends before its end marker. Expected a complete archive; fetch it again"
    elif isinstance(damage, OSError) and not isinstance(damage, gzip.BadGzipFile):
        expected = f"{damage}. Expected a file that every machine of the cluster can read"
    else:
        expected = f"{damage}. Expected an undamaged archive; fetch it again"
    return InputRefusedError(f"{file} cannot be read after line {after_line}: {expected}.")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes or fewer; none at the end."""


@contextmanager
def open_stream(file: InputFile, start: int = 0) -> Iterator[Readable]:
    """The unpacked bytes of `file` from byte `start` on; those of a UTF-16 file as UTF-8.

    Raises:
        One of `DAMAGE`, here or while reading.
    """
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(file.path.open("rb"))
        packed_bytes = file.path.stat().st_size
        if file.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(stream))
            # What an archive says of itself may be a lie, and is no more than its own size.
            packed_bytes = min(packed_bytes, archive.getinfo(file.member).compress_size)
            stream = stack.enter_context(archive.open(file.member))
        if file.gzipped:
            stream = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=stream)))
        unpacked: Readable = stream
        if file.packed:
            unpacked = _Bounded(stream, max(HARMLESS_BYTES, LARGEST_RATIO * packed_bytes))
        if file.encoding == "utf-16":
            unpacked = _FromUtf16(unpacked, file)
        if file.seekable:
            stream.seek(start)
        else:
            _skip(unpacked, start)
        yield unpacked


def _skip(stream: Readable, count: int) -> None:
    while count > 0 and (chunk := stream.read(min(count, BLOCK_BYTES))):
        count -= len(chunk)


class _Bounded:
    """A stream that ends in an error if it has more than `most` bytes."""

    def __init__(self, stream: Readable, most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise BombError
        return chunk


class _FromUtf16:
    """The bytes of a UTF-16 file as UTF-8."""

    def __init__(self, stream: Readable, file: InputFile) -> None:
        self._stream, self._file = stream, file
        mark = stream.read(2)
        self._codec = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
        self._decoder = codecs.getincrementaldecoder(self._codec)()
        self._lines = 0
        self._rest = b""
        if mark not in _UTF16_MARKS:
            self._rest = self._decoder.decode(mark).encode()

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes or fewer.

        Raises:
            InputRefusedError: the bytes are not UTF-16.
        """
        while not self._rest:
            chunk = self._stream.read(size)
            try:
                decoded = self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(self._codec, "replace")
                line = self._lines + before.count("\n") + 1
                raise _not_of_encoding(self._file, line, error.object[error.start]) from error
            self._lines += decoded.count("\n")
            self._rest = decoded.encode()
            if not chunk:
                break
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def whole_lines(
    stream: Readable, length: int | None = None, block_bytes: int = BLOCK_BYTES
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
    """The first line of `file` as it lies there (UTF-16: as UTF-8), newline and byte order mark included.

    Raises:
        InputRefusedError: `file` is empty, damaged, or not of its encoding in its first line.
    """
    line = b""
    try:
        with open_stream(file) as stream:
            for block in whole_lines(stream, block_bytes=1 << 16):
                line = block.partition(b"\n")[0] + (b"\n" if b"\n" in block else b"")
                break
    except DAMAGE as damage:
        raise refusal_of_damage(file, 0, damage) from damage
    if not line:
        raise InputRefusedError(f"{file} is empty. Expected rows of text.")
    in_utf8(line, 1, file)
    if b"\r" in line.rstrip(b"\r\n"):
        raise InputRefusedError(
            f"{file}, line 1: a carriage return inside the line. Expected lines that end in a newline; "
            "convert the file with: tr '\\r' '\\n'"
        )
    return line


def in_utf8(block: bytes, first: int, file: InputFile) -> bytes:
    """A block of whole lines of `file` as UTF-8; its first line is number `first`.

    Raises:
        InputRefusedError: it is not of the file's encoding, with the line in which that shows.
    """
    if block.isascii() and file.encoding not in _NOT_ASCII:
        return block
    encoding = stream_encoding(file)
    try:
        text = block.decode(encoding)
        return block if encoding == "utf-8" else text.encode()
    except UnicodeDecodeError as error:
        line = first + block.count(b"\n", 0, error.start)
        if file.encoding == "utf-8":
            marked = first == 1 and block.startswith(_UTF16_MARKS)
            raise _not_utf8(file, line, block[error.start], marked=marked) from error
        raise _not_of_encoding(file, line, block[error.start]) from error


def stream_encoding(file: InputFile) -> Encoding:
    """The encoding of the bytes of `open_stream`: UTF-16 is turned into UTF-8 on the way."""
    return "utf-8" if file.encoding == "utf-16" else file.encoding


# In which some bytes below 128 are other characters than in ASCII.
_NOT_ASCII: tuple[Encoding, ...] = ("shift_jis",)


def _not_utf8(file: InputFile, line: int, byte: int, *, marked: bool) -> InputRefusedError:
    guess, setting = ("UTF-16", "utf-16") if marked else ("ISO-8859-1", "latin-1")
    return InputRefusedError(
        f"{file}, line {line}: byte 0x{byte:02x} is not UTF-8. If the file is {guess}, say so with "
        f"--set ingest.encoding={setting}, or convert it with: iconv -f {guess} -t UTF-8"
    )


def _not_of_encoding(file: InputFile, line: int, byte: int) -> InputRefusedError:
    return InputRefusedError(
        f"{file}, line {line}: byte 0x{byte:02x} is not {file.encoding}, which ingest.encoding says it "
        "is. Expected all of the file in one encoding; name the right one."
    )
