"""Lines of text → rows with their exact line numbers."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from toplists.errors import InputRefusedError
from toplists.ingest import pieces
from toplists.ingest.files import InputFile
from toplists.ingest.formats import read_text
from toplists.ingest.layout import TextLayout
from toplists.ingest.lines import Survey, TextPiece, survey
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.reading import EventInput

CSV = TextLayout(",", True, {"user": 0, "item": 1, "value": 2}, 3, 0, 1)
COLONS = TextLayout("::", False, {"user": 0, "item": 1, "value": 2}, 3, 0, 1)


def piece(path: Path, layout: TextLayout = CSV, **changed: Any) -> TextPiece:
    return TextPiece(
        0, InputFile(path, **changed), layout, layout.body_start, None, layout.body_line
    )


def rows_of(
    folder: Path, content: bytes, layout: TextLayout = CSV, block_bytes: int = 1 << 20
) -> list[tuple[Any, ...]]:
    """(line, user, item, value, code of the problem) of every row, in order of lines."""
    path = folder / "feed.csv"
    path.write_bytes(content)
    batches = list(read_text(piece(path, layout), block_bytes))
    return simplified(batches)


def simplified(batches: list[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    rows = [row for batch in batches for row in batch.to_pylist()]
    return sorted(
        (
            row["line"],
            row["user"],
            row["item"],
            row["value"],
            row["problem"] and row["problem"].partition(":")[0],
        )
        for row in rows
    )


def test_from_a_line_on_that_is_too_long_nothing_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LONGEST_LINE", 100)
    path = tmp_path / "feed.csv"
    path.write_bytes(b"1,2,3\n" * 10 + b"x" * 1000 + b"\n" + b"4,5,6\n" * 10)
    inputs = [EventInput(InputFile(path), CSV)]
    planned = plan_pieces(inputs, lambda some: [survey(one) for one in some], piece_bytes=20)
    assert [one.start for one in planned if isinstance(one, TextPiece)] == [0, 24, 42, 60]


def test_fields_survive_exactly(tmp_path: Path) -> None:
    content = (
        b"007,i,1\n"  # leading zeros
        b'"a,b","say ""hi""",2\n'  # delimiter and quotes inside quotes
        + "🙂,Ünï,3\n".encode()
        + b" u , i ,4\n"  # spaces are part of an id
        b"a\0b,i,5\n"  # NUL, judged later
        b'5" disk,i,6\n'  # a quote inside a field that does not begin with one
        b",,\n"  # nothing
        b"9223372036854775807,i,8"  # no newline at the end
    )
    assert rows_of(tmp_path, content) == [
        (1, "007", "i", "1", None),
        (2, "a,b", 'say "hi"', "2", None),
        (3, "🙂", "Ünï", "3", None),
        (4, " u ", " i ", "4", None),
        (5, "a\0b", "i", "5", None),
        (6, '5" disk', "i", "6", None),
        (7, "", "", "", None),
        (8, "9223372036854775807", "i", "8", None),
    ]


def test_wrong_width_is_a_problem_of_that_row_only(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b"u,i,1\nu,i\nu,i,1,x\nu,i,2\n") == [
        (1, "u", "i", "1", None),
        (2, None, None, None, "wrong_field_count"),
        (3, None, None, None, "wrong_field_count"),
        (4, "u", "i", "2", None),
    ]


def test_the_problem_says_what_was_expected_and_the_row_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"u,i\r\n")
    (batch,) = read_text(piece(path))
    assert batch.column("problem")[0].as_py() == "wrong_field_count: expected 3 fields, found 2"
    assert batch.column("raw")[0].as_py() == "u,i\r\n"


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b"u,i,1\n\n\r\nu,i\n\nu,i,2\n\n") == [
        (1, "u", "i", "1", None),
        (4, None, None, None, "wrong_field_count"),
        (6, "u", "i", "2", None),
    ]


def test_an_unclosed_quote_spoils_one_row_not_the_next(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b'u,i,1\n"u,i,2\nv,i,3\nw,"i",4\n"x""",i,5\n"y"",i,6\n') == [
        (1, "u", "i", "1", None),
        (2, None, None, None, "unclosed_quote"),
        (3, "v", "i", "3", None),
        (4, "w", "i", "4", None),
        (5, 'x"', "i", "5", None),
        (6, None, None, None, "unclosed_quote"),
    ]


def test_a_carriage_return_inside_a_line_spoils_that_row(tmp_path: Path) -> None:
    assert rows_of(tmp_path, b"u,i,1\r\nu,i\rx,2\r\nu,i,3\r\n") == [
        (1, "u", "i", "1", None),
        (2, None, None, None, "carriage_return"),
        (3, "u", "i", "3", None),
    ]


def test_double_colons_have_no_quotes(tmp_path: Path) -> None:
    # 3: a single colon is an ordinary character; 4: so is the one that stands in for "::".
    content = b'"u::i::1\nu::i\na:b::i::2\na\x1fb::i::3\n'
    assert rows_of(tmp_path, content, COLONS) == [
        (1, '"u', "i", "1", None),
        (2, None, None, None, "wrong_field_count"),
        (3, "a:b", "i", "2", None),
        (4, None, None, None, "wrong_field_count"),
    ]


def test_the_header_and_its_mark_are_not_read(tmp_path: Path) -> None:
    layout = TextLayout(",", True, {"user": 1, "item": 0}, 2, 13, 2)
    assert rows_of(tmp_path, b"\xef\xbb\xbfitem,user\ni,u\n", layout) == [(2, "u", "i", None, None)]


def test_one_column_may_play_two_roles(tmp_path: Path) -> None:
    layout = TextLayout(",", True, {"user": 0, "item": 1, "value": 2, "time": 2}, 3, 0, 1)
    path = tmp_path / "feed.csv"
    path.write_bytes(b"u,i,4\n")
    (batch,) = read_text(piece(path, layout))
    assert (batch.column("value")[0].as_py(), batch.column("time")[0].as_py()) == ("4", "4")


@pytest.mark.parametrize("packing", ["gzip", "zip"])
def test_packed_files_read_like_plain_ones(tmp_path: Path, packing: str) -> None:
    content, path = b"h,h,h\nu,i,1\nv,j,2\n", tmp_path / "packed"
    if packing == "gzip":
        path.write_bytes(gzip.compress(content[:8]) + gzip.compress(content[8:]))  # two members
        file = InputFile(path, gzipped=True)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x/ratings.csv", content)
        file = InputFile(path, "x/ratings.csv")
    batches = list(read_text(TextPiece(0, file, CSV, 6, None, 2)))
    assert simplified(batches) == [(2, "u", "i", "1", None), (3, "v", "j", "2", None)]


def test_a_truncated_gzip_says_how_far_it_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"".join(b"u%d,i,%d\n" % (n, n % 7) for n in range(3000)))[:-9])
    with pytest.raises(
        InputRefusedError, match=r"cut\.csv\.gz cannot be read after line \d+: it ends"
    ):
        list(read_text(piece(path, gzipped=True), block_bytes=100))


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"u,i,1\n" * 1000))
    packed[-6] ^= 0xFF  # the checksum
    (tmp_path / "bad.gz").write_bytes(packed)
    with pytest.raises(InputRefusedError, match="Expected an undamaged archive"):
        list(read_text(piece(tmp_path / "bad.gz", gzipped=True)))


def test_a_damaged_archive_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ratings.csv", b"u,i,1\n" * 1000)
    damaged = bytearray(path.read_bytes())
    damaged[500] ^= 0x01
    path.write_bytes(damaged)
    with pytest.raises(InputRefusedError, match=r"bad\.zip!ratings\.csv .*CRC"):
        list(read_text(piece(path, member="ratings.csv")))


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    content = b"u,i,1\n" * 41 + b"caf\xe9,i,1\n" + b"u,i,1\n" * 9
    for block_bytes in (16, 1 << 20):  # whatever block the line is in
        with pytest.raises(InputRefusedError, match=r"feed\.csv, line 42: byte 0xe9 is not UTF-8"):
            rows_of(tmp_path, content, block_bytes=block_bytes)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toplists.ingest.streams.LONGEST_LINE", 1000)
    with pytest.raises(InputRefusedError, match="after line 1: a line of more than"):
        rows_of(tmp_path, b"u,i,1\n" + b"x" * 5000, block_bytes=100)


ROW = st.lists(
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=6),
    min_size=3,
    max_size=3,
)


@given(
    rows=st.lists(ROW, max_size=20),
    ending=st.sampled_from(["\n", "\r\n"]),
    block_bytes=st.integers(1, 64),
)
def test_what_pythons_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], ending: str, block_bytes: int
) -> None:
    # At the beginning of a file it is no text, but says how the file is encoded.
    assume(not (rows and rows[0][0].startswith("\ufeff")))
    written = io.StringIO()
    csv.writer(written, lineterminator=ending).writerows(rows)
    content = written.getvalue().encode()
    folder = tmp_path_factory.mktemp("csv")
    assert rows_of(folder, content, block_bytes=block_bytes) == [
        (line, *row, None) for line, row in enumerate(rows, start=1)
    ]


LINE = st.text(st.sampled_from('ab,"'), max_size=12)


@given(lines=st.lists(LINE, max_size=12), block_bytes=st.integers(1, 64))
def test_any_line_is_read_as_pythons_csv_reads_it_alone(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block_bytes: int
) -> None:
    expected = []
    for number, line in enumerate(lines, start=1):
        # With a second line after it, csv shows whether the first one ended.
        fields, *others = csv.reader([line + "\n", "end\n"])
        if not line:
            continue
        if not others:
            expected.append((number, None, None, None, "unclosed_quote"))
        elif len(fields) != 3:
            expected.append((number, None, None, None, "wrong_field_count"))
        else:
            expected.append((number, *fields, None))
    content = "".join(line + "\n" for line in lines).encode()
    folder = tmp_path_factory.mktemp("csv")
    read = rows_of(folder, content, block_bytes=block_bytes)
    # A row both unclosed and of wrong width may be called either, depending on what follows it.
    assert [row[:4] for row in read] == [row[:4] for row in expected]
    assert [row[4] is None for row in read] == [row[4] is None for row in expected]


@given(
    lines=st.lists(st.binary(max_size=9).map(lambda line: line.hex().encode()), max_size=30),
    piece_bytes=st.integers(1, 50),
    closed=st.booleans(),
)
def test_pieces_cover_the_file_and_know_their_first_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], piece_bytes: int, closed: bool
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "feed.csv"
    body = b"\n".join(b"%s,i,1" % line for line in lines)
    path.write_bytes(b"h,h,h\n" + body + (b"\n" if closed else b""))
    layout = TextLayout(",", True, {"user": 0, "item": 1}, 3, 6, 2)
    inputs = [EventInput(InputFile(path), layout)] * 2  # the second file starts anew
    planned = plan_pieces(inputs, lambda pieces: [survey(one) for one in pieces], piece_bytes)
    rows = [row for one in planned if isinstance(one, TextPiece) for row in read(one)]
    users = [line.decode() for line in lines]
    expected = [(number, user) for number, user in enumerate(users, start=2)]
    assert rows == expected * 2


def read(one: TextPiece) -> list[tuple[int, str]]:
    return [(row["line"], row["user"]) for batch in read_text(one) for row in batch.to_pylist()]


def test_only_pieces_that_another_follows_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"u,i,1\n" * 10)
    (tmp_path / "b").write_bytes(b"u,i,1\n")
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"u,i,1\n" * 100))
    inputs = [
        EventInput(InputFile(tmp_path / "a"), CSV),
        EventInput(InputFile(tmp_path / "b"), CSV),
        EventInput(InputFile(tmp_path / "c.gz", gzipped=True), CSV),
    ]
    asked: list[int] = []

    def look(pieces: Any) -> list[Survey]:
        asked.extend(one.start for one in pieces)
        return [survey(one) for one in pieces]

    planned = plan_pieces(inputs, look, piece_bytes=24)
    assert asked == [0, 24]
    assert [one.first_line for one in planned] == [1, 5, 9, 1, 1]
