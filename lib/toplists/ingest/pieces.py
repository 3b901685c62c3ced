"""Cutting the files of a load into pieces, and sharing these out among tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from toplists.ingest.files import InputFile
from toplists.ingest.formats import Piece
from toplists.ingest.lines import Survey, TextPiece
from toplists.ingest.parquet import ParquetLayout, ParquetPiece
from toplists.ingest.reading import EventInput
from toplists.ingest.streams import LONGEST_LINE

PIECE_BYTES = 64 << 20
HERE_ROWS = 500_000
"""About so many rows are read in the time that a Spark session takes to start."""

# Bytes of text per row, about: two ids, a value and a time.
_BYTES_PER_ROW = 32
# How many times their size packed rows of text usually are.
_UNPACKED = 5

SurveyPieces: TypeAlias = Callable[[Sequence[TextPiece]], Sequence[Survey]]


def plan_pieces(
    inputs: Sequence[EventInput], survey_pieces: SurveyPieces, piece_bytes: int = PIECE_BYTES
) -> list[Piece]:
    """Cut `inputs` into pieces of about `piece_bytes`, each knowing the number of its first line.

    Packed text (gzip, zip member) is one piece: it can only be unpacked from its beginning. A Parquet
    row group is one piece.

    Args:
        inputs: The files, in the order in which they are numbered from 0.
        piece_bytes: Wished size of a piece; it ends where a line does.
        survey_pieces: What lies in each of the given pieces. It is asked only for pieces that another
            piece of the same file follows.
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
    return _number_lines(pieces, survey_pieces)


def _row_groups(number: int, file: InputFile, layout: ParquetLayout) -> Iterator[ParquetPiece]:
    first_line = 1
    for row_group, rows in enumerate(layout.row_groups):
        yield ParquetPiece(number, file, layout, row_group, first_line)
        first_line += rows


def _cut(whole: TextPiece, piece_bytes: int) -> list[TextPiece]:
    """Cut a plain file where lines end; line numbers are still those of the first piece.

    From a line on that is too long nothing is cut: it is refused where it is read.
    """
    size = whole.file.path.stat().st_size
    cuts = [whole.start]
    with whole.file.path.open("rb") as stream:
        for wished in range(whole.start + piece_bytes, size, piece_bytes):
            # From one byte before: if that is a newline, the line after it begins right here.
            stream.seek(wished - 1)
            if len(stream.readline(LONGEST_LINE + 1)) > LONGEST_LINE:
                break
            if cuts[-1] < stream.tell() < size:
                cuts.append(stream.tell())
    return [
        replace(whole, start=start, stop=stop)
        for start, stop in pairwise([*cuts, max(size, cuts[0])])
    ]


def _number_lines(pieces: Sequence[Piece], survey_pieces: SurveyPieces) -> list[Piece]:
    followed = {
        at: one
        for at, (one, other) in enumerate(pairwise(pieces))
        if isinstance(one, TextPiece) and one.file_number == other.file_number
    }
    surveys = survey_pieces(list(followed.values())) if followed else []
    found = dict(zip(followed, surveys, strict=True))
    numbered: list[Piece] = []
    for at, piece in enumerate(pieces):
        if at - 1 in found and isinstance(piece, TextPiece):
            before, last = found[at - 1], numbered[-1]
            section = before.section
            if section is None and isinstance(last, TextPiece):
                section = last.section
            piece = replace(piece, first_line=last.first_line + before.lines, section=section)
        numbered.append(piece)
    return numbered


def estimate_rows(inputs: Sequence[EventInput]) -> int:
    """About how many rows there are."""
    return sum(_estimate(one) for one in inputs)


def _estimate(one: EventInput) -> int:
    if isinstance(one.layout, ParquetLayout):
        return sum(one.layout.row_groups)
    size = one.file.path.stat().st_size
    return (size * _UNPACKED if one.file.packed else size) // _BYTES_PER_ROW


def share_out(pieces: Sequence[Piece], piece_bytes: int = PIECE_BYTES) -> list[range]:
    """Ranges of consecutive pieces, one per task: many small files are read by one task.

    Args:
        pieces: As `plan_pieces` returns them.
        piece_bytes: A task gets no further piece once it has a quarter of so many bytes, so that
            files of middling size are still read side by side.
    """
    shares: list[range] = []
    start, held = 0, 0
    for at, piece in enumerate(pieces):
        held += _size(piece)
        if held >= piece_bytes // 4 or at + 1 == len(pieces):
            shares.append(range(start, at + 1))
            start, held = at + 1, 0
    return shares


def _size(piece: Piece) -> int:
    """Bytes of the piece as it lies in its file; the whole file, for a piece that is one."""
    if isinstance(piece, TextPiece) and piece.length is not None:
        return piece.length
    size = piece.file.path.stat().st_size
    if isinstance(piece, ParquetPiece):
        return size // len(piece.layout.row_groups)
    return size * _UNPACKED if piece.file.packed else size
