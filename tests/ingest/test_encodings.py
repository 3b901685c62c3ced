"""Text in other encodings than UTF-8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toplists.config.ingest import Encoding, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile
from toplists.ingest.formats import read_text
from toplists.ingest.layout import detect_layout
from toplists.ingest.lines import TextPiece, survey
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.reading import EventInput

PLAIN = IngestSettings()


def rows_of(
    path: Path, content: bytes, encoding: Encoding, piece_bytes: int = 1 << 20, block_bytes: int = 7
) -> list[tuple[Any, ...]]:
    path.write_bytes(content)
    file = InputFile(path, encoding=encoding)
    one = EventInput(file, detect_layout(file, "csv", PLAIN))
    planned = plan_pieces([one], lambda some: [survey(piece) for piece in some], piece_bytes)
    return [
        (row["line"], row["user"], row["item"])
        for piece in planned
        if isinstance(piece, TextPiece)
        for batch in read_text(piece, block_bytes)
        for row in batch.to_pylist()
    ]


TEXTS: dict[Encoding, str] = {
    "utf-8": "café 🙂",
    "utf-16": "café 🙂\u0a0aи",  # U+0A0A holds the byte of a newline, twice
    "latin-1": "café",
    "iso-8859-15": "café €",
    "cp1252": "“café” €",
    "cp1250": "žluťoučký",
    "cp1251": "фильм",
    "shift_jis": "ソ表",  # their second byte is a backslash
    "gb18030": "电影🙂",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("piece_bytes", [9, 1 << 20])
def test_text_comes_out_as_it_was_meant(
    tmp_path: Path, encoding: Encoding, piece_bytes: int
) -> None:
    text = TEXTS[encoding]
    content = f"user,item\nu,{text}\n{text},i\n".encode(encoding)
    rows = rows_of(tmp_path / "feed.csv", content, encoding, piece_bytes)
    assert rows == [(2, "u", text), (3, text, "i")]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_with_either_mark(tmp_path: Path, codec: str) -> None:
    content = "\ufeffuser,item\né,i\n".encode(codec)
    assert rows_of(tmp_path / "feed.csv", content, "utf-16") == [(2, "é", "i")]


BAD: list[tuple[Encoding, bytes, str]] = [
    ("cp1252", b"user,item\nu,i\nu,\x81\n", "line 3: byte 0x81 is not cp1252"),
    ("shift_jis", b"user,item\nu,i\nu,\x81\n", "line 3: byte 0x81 is not shift_jis"),
    # A lone half of a pair in the third line, which begins with a byte of a newline.
    (
        "utf-16",
        "user,item\nu,\u0a0a\n".encode("utf-16-le") + b"\x0a\x0a\x00\xdcx\x00\n\x00",
        "line 3: byte 0x00 is not utf-16",
    ),
    ("utf-16", "user,item\nu,i\n".encode("utf-16-le")[:-1], "line 2: byte 0x0a is not utf-16"),
]


@pytest.mark.parametrize(("encoding", "content", "said"), BAD)
def test_a_byte_that_is_none_of_the_encoding_is_named_with_its_line(
    tmp_path: Path, encoding: Encoding, content: bytes, said: str
) -> None:
    with pytest.raises(InputRefusedError, match=said):
        rows_of(tmp_path / "feed.csv", content, encoding)
