"""Reading a piece of a file, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pyarrow as pa

from toplists.ingest.json_lines import split_objects
from toplists.ingest.layout import JsonLayout, SectionLayout
from toplists.ingest.lines import TextPiece, read_lines
from toplists.ingest.parquet import ParquetPiece, read_parquet
from toplists.ingest.streams import BLOCK_BYTES
from toplists.ingest.text import split_fields, split_sections

Piece: TypeAlias = TextPiece | ParquetPiece


def read_piece(piece: Piece) -> Iterator[pa.RecordBatch]:
    """The rows of `piece`, as batches of `SCANNED`.

    Raises:
        InputRefusedError: the file is damaged, or not of its encoding.
    """
    return read_text(piece) if isinstance(piece, TextPiece) else read_parquet(piece)


def read_text(piece: TextPiece, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """The rows of a piece of text, as `read_piece`; `block_bytes` are parsed at once."""
    blocks = read_lines(piece, block_bytes)
    layout = piece.layout
    if isinstance(layout, JsonLayout):
        return split_objects(blocks, layout, piece.file_number)
    if isinstance(layout, SectionLayout):
        return split_sections(blocks, layout, piece.file_number, piece.section)
    return split_fields(blocks, layout, piece.file_number)
