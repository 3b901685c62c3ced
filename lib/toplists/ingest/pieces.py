"""Cutting the files of a source into pieces that tasks read independently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from toplists.ingest.files import InputFile
from toplists.ingest.parquet import ParquetLayout, ParquetPiece
from toplists.ingest.reading import EventInput
from toplists.ingest.text import TextPiece

PIECE_BYTES = 64 << 20

Piece: TypeAlias = TextPiece | ParquetPiece
CountLines: TypeAlias = Callable[[Sequence[TextPiece]], Sequence[int]]


def plan_pieces(
    inputs: Sequence[EventInput], count_lines: CountLines, piece_bytes: int = PIECE_BYTES
) -> list[Piece]:
    """Cut `inputs` into pieces of about `piece_bytes`, each knowing the number of its first line.

    Packed text (gzip, zip member) is one piece: it can only be unpacked from its beginning. A Parquet
    row group is one piece.

    Args:
        inputs: The files, in the order in which they are numbered from 0.
        piece_bytes: Wished size of a piece; it ends where a line does.
        count_lines: Number of lines of each of the given pieces. It is asked only for pieces that
            another piece of the same file follows.
    """
    pieces: list[Piece] = []
    for number, one in enumerate(inputs):
        if isinstance(one.layout, ParquetLayout):
            pieces += _row_groups(number, one.file, one.layout)
        else:
            first = TextPiece(
                number, one.file, one.layout, one.layout.body_start, None, one.layout.body_line
            )
            pieces += _cut(first, piece_bytes) if one.file.seekable else [first]
    return _number_lines(pieces, count_lines)


def _row_groups(number: int, file: InputFile, layout: ParquetLayout) -> Iterator[ParquetPiece]:
    first_line = 1
    for row_group, rows in enumerate(layout.row_groups):
        yield ParquetPiece(number, file, layout, row_group, first_line)
        first_line += rows


def _cut(whole: TextPiece, piece_bytes: int) -> list[TextPiece]:
    """Cut a plain file where lines end; line numbers are still those of the first piece."""
    size = whole.file.path.stat().st_size
    cuts = [whole.start]
    with whole.file.path.open("rb") as stream:
        for wished in range(whole.start + piece_bytes, size, piece_bytes):
            # From one byte before: if that is a newline, the line after it begins right here.
            stream.seek(wished - 1)
            stream.readline()
            if cuts[-1] < stream.tell() < size:
                cuts.append(stream.tell())
    return [
        replace(whole, start=start, stop=stop)
        for start, stop in pairwise([*cuts, max(size, cuts[0])])
    ]


def _number_lines(pieces: Sequence[Piece], count_lines: CountLines) -> list[Piece]:
    followed = {
        at: one
        for at, (one, other) in enumerate(pairwise(pieces))
        if isinstance(one, TextPiece) and one.file_number == other.file_number
    }
    counts = count_lines(list(followed.values())) if followed else []
    lines = dict(zip(followed, counts, strict=True))
    numbered: list[Piece] = []
    for at, piece in enumerate(pieces):
        if at - 1 in lines:
            piece = replace(piece, first_line=numbered[-1].first_line + lines[at - 1])
        numbered.append(piece)
    return numbered
