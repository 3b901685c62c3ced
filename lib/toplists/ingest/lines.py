"""Pieces of text files, and their lines in blocks of UTF-8 that know their line numbers.

One line is one row, always: a quoted field that does not end in its line makes that one row a bad row,
instead of swallowing the rows after it. So lines can be numbered, and files cut, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.ingest.files import InputFile
from toplists.ingest.layout import LineLayout, SectionLayout
from toplists.ingest.streams import (
    BLOCK_BYTES,
    DAMAGE,
    in_utf8,
    open_stream,
    refusal_of_damage,
    stream_encoding,
    whole_lines,
)

SECTION = re.compile(rb"^([^\n,:]+):[ \t]*\r?$", re.MULTILINE)
"""A line that names the item of the lines after it, as in Netflix files."""


def item_of_section(named: bytes, encoding: str = "utf-8") -> str:
    """The item that a line names; `named` is the first group of its match with `SECTION`."""
    return named.decode(encoding, "replace").strip()


@dataclass(frozen=True)
class TextPiece:
    """Bytes `start` to `stop` (`None` = to the end) of a file: whole lines, from number `first_line`.

    `section` is the item that a line before the piece named, where the layout has such lines.
    """

    file_number: int
    file: InputFile
    layout: LineLayout
    start: int
    stop: int | None
    first_line: int
    section: str | None = None

    @property
    def length(self) -> int | None:
        """Number of bytes, if known."""
        return None if self.stop is None else self.stop - self.start


@dataclass(frozen=True)
class Survey:
    """What the piece after a piece has to know: the lines in it, and the last section named there."""

    lines: int
    section: str | None = None


@dataclass(frozen=True)
class LineBlock:
    """Whole lines in UTF-8; the first of them is line number `first`."""

    content: bytes
    first: int

    @cached_property
    def ends(self) -> npt.NDArray[np.int32]:
        """For every line, the position after it."""
        ends = np.flatnonzero(np.frombuffer(self.content, np.uint8) == ord("\n")) + 1
        if self.content and not self.content.endswith(b"\n"):
            ends = np.append(ends, len(self.content))
        return ends.astype(np.int32)

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The number of every line."""
        return np.arange(len(self), dtype=np.int64) + self.first

    @property
    def strings(self) -> pa.Array:
        """The lines, newlines included, without copying them."""
        offsets = np.concatenate([np.zeros(1, np.int32), self.ends])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.content)]
        return pa.Array.from_buffers(pa.string(), len(self), buffers)

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Which lines hold nothing but their line end."""
        characters = np.frombuffer(self.content, np.uint8)
        lengths = np.diff(self.ends, prepend=np.int32(0))
        starts = self.ends - lengths
        newline = (lengths == 1) & (characters[starts] == ord("\n"))
        returned = (lengths == 2) & (characters[starts] == ord("\r"))
        blank: npt.NDArray[np.bool_] = newline | (
            returned & (characters[self.ends - 1] == ord("\n"))
        )
        return blank


def read_lines(piece: TextPiece, block_bytes: int = BLOCK_BYTES) -> Iterator[LineBlock]:
    """The lines of `piece`, in order.

    Raises:
        InputRefusedError: the file is damaged, or not of its encoding.
    """
    line = piece.first_line
    try:
        with open_stream(piece.file, piece.start) as stream:
            for packed in whole_lines(stream, piece.length, block_bytes):
                block = LineBlock(in_utf8(packed, line, piece.file), line)
                yield block
                line += len(block)
    except DAMAGE as damage:
        raise refusal_of_damage(piece.file, line - 1, damage) from damage


def survey(piece: TextPiece) -> Survey:
    """What lies in a piece that ends with a newline."""
    lines, section = 0, None
    sectioned = isinstance(piece.layout, SectionLayout)
    try:
        with open_stream(piece.file, piece.start) as stream:
            for block in whole_lines(stream, piece.length):
                lines += block.count(b"\n")
                if sectioned and (named := SECTION.findall(block)):
                    section = item_of_section(named[-1], stream_encoding(piece.file))
    except DAMAGE as damage:
        raise refusal_of_damage(piece.file, 0, damage) from damage
    return Survey(lines, section)
