"""Netflix files: lines that name the movie of the lines after them, and titles with commas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.config.ingest import Encoding, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile, find_files
from toplists.ingest.formats import read_text
from toplists.ingest.layout import detect_layout
from toplists.ingest.lines import TextPiece, survey
from toplists.ingest.movielens import read_titles
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.reading import EventInput
from toplists.ingest.source import Source

COMBINED = (
    b"1:\n"
    b"1488844,3,2005-09-06\n"
    b"822109,5,2005-05-13\r\n"
    b"2:\r\n"
    b"885013,4\n"  # no day
    b"\n"
    b"12:\n"  # nobody rated it
    b"3:\n"
    b"30878,4,2005-11-31\n"  # judged later
)
ROWS = [
    (2, "1", "1488844", "3", "2005-09-06", None),
    (3, "1", "822109", "5", "2005-05-13", None),
    (5, None, None, None, None, "wrong_field_count"),
    (9, "3", "30878", "4", "2005-11-31", None),
]


def pieces(
    path: Path, content: bytes, piece_bytes: int = 1 << 20, encoding: Encoding = "utf-8"
) -> list[TextPiece]:
    path.write_bytes(content)
    file = InputFile(path, encoding=encoding)
    layout = detect_layout(file, "netflix", IngestSettings())
    planned = plan_pieces(
        [EventInput(file, layout)], lambda some: [survey(one) for one in some], piece_bytes
    )
    return [one for one in planned if isinstance(one, TextPiece)]


def rows_of(
    path: Path, content: bytes, piece_bytes: int = 1 << 20, block_bytes: int = 1 << 20
) -> list[tuple[Any, ...]]:
    rows = [
        row
        for piece in pieces(path, content, piece_bytes)
        for batch in read_text(piece, block_bytes)
        for row in batch.to_pylist()
    ]
    return sorted(
        (
            row["line"],
            row["item"],
            row["user"],
            row["value"],
            row["time"],
            row["problem"] and row["problem"].partition(":")[0],
        )
        for row in rows
    )


@given(piece_bytes=st.integers(1, 120), block_bytes=st.integers(1, 120))
def test_every_row_knows_its_movie_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, piece_bytes: int, block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("netflix") / "combined_data_1.txt"
    assert rows_of(path, COMBINED, piece_bytes, block_bytes) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("piece_bytes", [20, 1 << 20])
def test_a_movie_has_one_name_wherever_the_file_is_cut(
    tmp_path: Path, encoding: Encoding, piece_bytes: int
) -> None:
    rows = "".join(f"{user},4,2005-09-06\n" for user in range(6))
    content = f"1:\n{rows} Übel:\n{rows}".encode(encoding)
    found = [
        item
        for piece in pieces(tmp_path / "mv_1.txt", content, piece_bytes, encoding)
        for batch in read_text(piece)
        for item in batch["item"].to_pylist()
    ]
    assert found == ["1"] * 6 + ["Übel"] * 6


def test_a_refused_row_is_kept_with_its_movie(tmp_path: Path) -> None:
    (piece,) = pieces(tmp_path / "mv_0000002.txt", b"2:\n1,2,3,4\n")
    (batch,) = read_text(piece)
    assert batch.column("raw").to_pylist() == ["2:1,2,3,4\n"]


def test_tab_separated_ratings_without_days(tmp_path: Path) -> None:
    content = b"7\t3\t4\n8\t3\t5\n9\t3\n"
    assert rows_of(tmp_path / "ratings.txt", content) == [
        (1, "3", "7", "4", None, None),
        (2, "3", "8", "5", None, None),
        (3, None, None, None, None, "wrong_field_count"),
    ]


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="line 1: expected the id of a movie and a colon"):
        rows_of(tmp_path / "x.txt", b"user,item\n1,2\n")


def test_a_folder_gives_its_ratings_and_titles(tmp_path: Path) -> None:
    for name in ("mv_0000001.txt", "mv_0000002.txt", "movie_titles.txt", "probe.txt", "README"):
        (tmp_path / name).write_bytes(b"1:\n")
    found = find_files(Source("netflix", str(tmp_path)))
    assert [file.name for file in found.events] == ["mv_0000001.txt", "mv_0000002.txt"]
    assert [file.name for file in found.items] == ["movie_titles.txt"]


def test_titles(tmp_path: Path) -> None:
    path = tmp_path / "movie_titles.txt"
    path.write_bytes(
        b"1,2003,Dinosaur Planet\n"
        b"72,1974,At Home Among Strangers, A Stranger Among His Own\r\n"  # commas
        b"4388,NULL,Ancient Civilizations: Rome and Pompeii\n"  # no year
        b"9,2001,Caf\xe9\n"  # ISO-8859-1
    )
    assert [
        (one["item_id"], one["title"], one["year"]) for one in read_titles(InputFile(path))
    ] == [
        ("1", "Dinosaur Planet", 2003),
        ("4388", "Ancient Civilizations: Rome and Pompeii", None),
        ("72", "At Home Among Strangers, A Stranger Among His Own", 1974),
        ("9", "Café", 2001),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"1,2003\n", "line 1: expected 3 fields"), (b"1,MM,A\n", "a year or NULL")],
)
def test_titles_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "movie_titles.txt").write_bytes(content)
    with pytest.raises(InputRefusedError, match=said):
        read_titles(InputFile(tmp_path / "movie_titles.txt"))
