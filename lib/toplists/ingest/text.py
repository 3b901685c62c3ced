"""Rows of text files: bytes → Arrow, each row with its exact line number.

One line is one row, always: a quoted field that does not end in its line makes that one row a bad row,
instead of swallowing the rows after it. So lines can be numbered, and files cut, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from toplists.ingest.files import InputFile
from toplists.ingest.layout import TextLayout
from toplists.ingest.scanned import scanned_batch
from toplists.ingest.streams import (
    BLOCK_BYTES,
    DAMAGE,
    open_stream,
    refusal_of_damage,
    require_utf8,
    whole_lines,
)

# Stands in for a delimiter of several bytes, which the parser does not know.
_UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class TextPiece:
    """Bytes `start` to `stop` (`None` = to the end) of a file: whole lines, from number `first_line`."""

    file_number: int
    file: InputFile
    layout: TextLayout
    start: int
    stop: int | None
    first_line: int

    @property
    def length(self) -> int | None:
        """Number of bytes, if known."""
        return None if self.stop is None else self.stop - self.start


def count_lines(piece: TextPiece) -> int:
    """Number of lines in a piece that ends with a newline."""
    try:
        with open_stream(piece.file, piece.start) as stream:
            return sum(block.count(b"\n") for block in whole_lines(stream, piece.length))
    except DAMAGE as damage:
        raise refusal_of_damage(piece.file, 0, damage) from damage


def read_text(piece: TextPiece, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """The rows of `piece`, as batches of `SCANNED`.

    Raises:
        InputRefusedError: the file is damaged or not UTF-8.
    """
    line = piece.first_line
    try:
        with open_stream(piece.file, piece.start) as stream:
            for block in whole_lines(stream, piece.length, block_bytes):
                require_utf8(block, line, piece.file)
                ends = _line_ends(block)
                yield from _read_block(block, ends, line, piece)
                line += len(ends)
    except DAMAGE as damage:
        raise refusal_of_damage(piece.file, line - 1, damage) from damage


def _read_block(
    block: bytes, ends: npt.NDArray[np.int32], first_line: int, piece: TextPiece
) -> Iterator[pa.RecordBatch]:
    rows, problems = _split(block, len(ends), piece.layout)
    lines = np.arange(len(ends), dtype=np.int64) + first_line
    raw = _as_strings(block, ends)
    bad = np.array(sorted(problems), dtype=np.int64)
    good = np.delete(np.arange(len(ends)), bad)
    blank = _blank_lines(block, ends)
    if blank.any():
        rows = rows.filter(pa.array(~blank[good]))
        good = good[~blank[good]]
        bad = bad[~blank[bad]]
    if len(good):
        yield scanned_batch(
            piece.file_number,
            pa.array(lines[good]),
            raw=raw if len(good) == len(raw) else raw.take(pa.array(good)),
            fields={
                role: rows.column(str(at)).combine_chunks()
                for role, at in piece.layout.columns.items()
            },
        )
    if len(bad):
        yield scanned_batch(
            piece.file_number,
            pa.array(lines[bad]),
            raw=raw.take(pa.array(bad)),
            problem=pa.array([problems[at] for at in bad.tolist()], pa.string()),
        )


def _split(block: bytes, count: int, layout: TextLayout) -> tuple[pa.Table, dict[int, str]]:
    """The fields of the right rows in order, and by its index what is wrong with each other row."""
    delimiter = layout.delimiter.encode()
    if len(delimiter) > 1:
        block = block.replace(delimiter, _UNIT_SEPARATOR.encode())
        delimiter = _UNIT_SEPARATOR.encode()
    # A row that runs on into the next line makes for fewer rows than lines, but for the last row.
    last = block[block.rfind(b"\n", 0, -1) + 1 :].rstrip(b"\r\n")
    whole = block.count(b"\r") == block.count(b"\r\n")
    if whole and not _broken(last, delimiter, layout.quoted):
        rows, problems = _parse(block, delimiter, layout)
        if len(rows) + len(problems) == count:
            return rows, problems
    # Some line is not one row. Take such lines out; what is left is.
    lines = block.removesuffix(b"\n").split(b"\n")
    broken = {
        at: problem
        for at, line in enumerate(lines)
        if (problem := _broken(line.removesuffix(b"\r"), delimiter, layout.quoted))
    }
    kept = [at for at in range(len(lines)) if at not in broken]
    rows, problems = _parse(b"".join(lines[at] + b"\n" for at in kept), delimiter, layout)
    return rows, broken | {kept[at]: problem for at, problem in problems.items()}


def _parse(block: bytes, delimiter: bytes, layout: TextLayout) -> tuple[pa.Table, dict[int, str]]:
    """Parse rows that may be of wrong width; those are left out of the table."""
    problems: dict[int, str] = {}

    def note(row: csv.InvalidRow) -> str:
        problems[row.number - 1] = (
            f"wrong_field_count: expected {row.expected_columns} fields, found {row.actual_columns}"
        )
        return "skip"

    names = [str(at) for at in range(layout.width)]
    used = sorted({names[at] for at in layout.columns.values()})
    if not block:
        return pa.table({name: pa.array([], pa.string()) for name in used}), problems
    table = csv.read_csv(
        pa.BufferReader(block),
        # Rows are numbered only in a single thread; the whole block is parsed at once.
        csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
        csv.ParseOptions(
            delimiter=delimiter.decode(),
            quote_char='"' if layout.quoted else False,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=used,
            check_utf8=False,
            strings_can_be_null=False,
        ),
    )
    return table, problems


def _broken(line: bytes, delimiter: bytes, quoted: bool) -> str | None:
    if b"\r" in line:
        return "carriage_return: a carriage return inside the line"
    if quoted and b'"' in line and not _closed_row(delimiter).fullmatch(line):
        return "unclosed_quote: a quoted field does not end in its line"
    return None


@cache
def _closed_row(delimiter: bytes) -> re.Pattern[bytes]:
    """A row in which every field that begins with a quote has its closing quote."""
    other = b"[^" + re.escape(delimiter) + b"]*+"
    field = rb'(?:"(?:[^"]++|"")*+"|(?!"))' + other
    return re.compile(field + b"(?:" + re.escape(delimiter) + field + b")*+", re.DOTALL)


def _line_ends(block: bytes) -> npt.NDArray[np.int32]:
    """For every line of `block`, the position after it."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")).astype(np.int32) + 1
    if block and not block.endswith(b"\n"):
        ends = np.append(ends, np.int32(len(block)))
    return ends.astype(np.int32)


def _as_strings(block: bytes, ends: npt.NDArray[np.int32]) -> pa.Array:
    """The lines of `block`, newlines included, without copying it."""
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    return pa.Array.from_buffers(pa.string(), len(ends), buffers)


def _blank_lines(block: bytes, ends: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which lines hold nothing but their line end."""
    characters = np.frombuffer(block, np.uint8)
    lengths = np.diff(ends, prepend=np.int32(0))
    starts = ends - lengths
    newline = (lengths == 1) & (characters[starts] == ord("\n"))
    returned = (lengths == 2) & (characters[starts] == ord("\r"))
    blank: npt.NDArray[np.bool_] = newline | (returned & (characters[ends - 1] == ord("\n")))
    return blank
