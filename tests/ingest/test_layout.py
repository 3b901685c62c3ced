"""How a text file is written, told from its first line; and why it is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.layout import TextLayout, detect_layout
from toplists.ingest.source import SourceKind

PLAIN = IngestSettings()


def layout(
    folder: Path, content: bytes, kind: SourceKind = "csv", settings: IngestSettings = PLAIN
) -> TextLayout:
    path = folder / "feed.txt"
    path.write_bytes(content)
    gzipped = content.startswith(b"\x1f\x8b")
    return detect_layout(InputFile(path, gzipped=gzipped), kind, settings)


def test_movielens_csv(tmp_path: Path) -> None:
    found = layout(tmp_path, b"userId,movieId,rating,timestamp\n1,2,3,4\n", "movielens")
    assert found == TextLayout(
        delimiter=",",
        quoted=True,
        columns={"user": 0, "item": 1, "value": 2, "time": 3},
        width=4,
        body_start=32,
        body_line=2,
    )


@pytest.mark.parametrize(
    ("line", "delimiter"), [(b"1::2::3::4\n", "::"), (b"196\t242\t3\t881250949\n", "\t")]
)
def test_movielens_without_header(tmp_path: Path, line: bytes, delimiter: str) -> None:
    found = layout(tmp_path, line, "movielens")
    assert (found.delimiter, found.quoted, found.width) == (delimiter, False, 4)
    assert (found.body_start, found.body_line) == (0, 1)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    found = layout(tmp_path, b"\xef\xbb\xbfuser,item\n1,2\n")
    assert found.columns == {"user": 0, "item": 1}
    assert found.body_start == 3 + 10


def test_columns_are_found_in_any_order_by_usual_names(tmp_path: Path) -> None:
    header = b"Rating;Event Time;product_id;extra;USER-ID;updated_at;event_id;event_type\r\n"
    found = layout(tmp_path, header, settings=IngestSettings(delimiter=";"))
    assert found.columns == {
        "user": 4,
        "item": 2,
        "value": 0,
        "time": 1,
        "event_type": 7,
        "event_id": 6,
        "updated_at": 5,
    }


def test_chosen_columns_go_before_usual_names(tmp_path: Path) -> None:
    settings = IngestSettings(columns=ColumnSettings(user="buyer", value="stars"))
    found = layout(tmp_path, b"user,buyer,item,rating,stars\n", settings=settings)
    assert found.columns == {"user": 1, "item": 2, "value": 4}


def test_a_quoted_header_may_hold_the_delimiter(tmp_path: Path) -> None:
    found = layout(tmp_path, b'"user","item","a,b"\n')
    assert found.width == 3


def test_a_tab_may_be_written_as_a_shell_passes_it(tmp_path: Path) -> None:
    assert layout(tmp_path, b"user\titem\n", settings=IngestSettings(delimiter="\\t")).width == 2


def test_a_delimiter_of_several_characters_has_no_quotes(tmp_path: Path) -> None:
    found = layout(tmp_path, b"user||item\n", settings=IngestSettings(delimiter="||"))
    assert (found.delimiter, found.quoted, found.width) == ("||", False, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"user;item;rating\n1;2;3\n", r"line 1: expected columns separated by ','.*';'"),
        (b"user\titem\n1\t2\n", "a tab separates them"),
        (b"user,rating\n1,2\n", r"line 1: expected a column with the item id.*user, rating"),
        (b"1,31,2.5,1260759144\n", "expected a column with the user id"),  # no header at all
        (b"user_id,userId,item\n", "user_id and userId could all be the user id"),
        (b"us\xe9r,item\n", r"line 1: byte 0xe9 is not UTF-8.*iconv -f ISO-8859-1"),
        ("user,item\n".encode("utf-16"), "ingest.encoding=utf-16"),
        (b"user,item\r1,2\r", "carriage return"),  # line ends of old Macs
        (
            gzip.compress(b"user,item\n", mtime=0)[:-12],
            r"after line 0: it ends before its end marker",
        ),
    ],
)
def test_file_checks_of_the_first_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputRefusedError, match=said) as refused:
        layout(tmp_path, content)
    assert "feed.txt" in str(refused.value)


def test_movielens_names_the_column_it_expects(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="expected a column timestamp"):
        layout(tmp_path, b"userId,movieId,rating\n", "movielens")


def test_a_chosen_column_that_is_missing_is_refused() -> None:
    with pytest.raises(InputRefusedError, match="expected a column when, but the columns are u, i"):
        find_columns(
            ["u", "i"], ColumnSettings(user="u", item="i", time="when"), "feed.csv, line 1"
        )


def test_a_name_that_occurs_twice_is_ambiguous() -> None:
    with pytest.raises(InputRefusedError, match="user and user could all be"):
        find_columns(["user", "user", "item"], ColumnSettings(), "feed.csv, line 1")


def test_of_a_line_without_end_a_message_shows_the_beginning(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="but the columns are x") as refused:
        layout(tmp_path, b"x" * 100_000)
    assert len(str(refused.value)) < 700
