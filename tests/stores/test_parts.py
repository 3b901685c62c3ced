"""How the lists of a run are cut into parts and read."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from stores.conformance import people
from stores.runs import Run

from toplists.publish.stores.copy_format import encode_rows
from toplists.publish.stores.parts import (
    _CODED,
    ListFiles,
    _schema,
    cut_lists,
    read_part,
)
from toplists.reader.layouts import PERSONAL


def test_a_part_is_in_order_though_its_only_file_is_not(tmp_path: Path) -> None:
    # As a compaction of the lake leaves it: two files, one behind the other.
    rows = Run(1, people(9)).rows(PERSONAL)
    file = str(tmp_path / "compacted.parquet")
    pq.write_table(rows.take([5, 6, 7, 8, 0, 1, 2, 3, 4]), file)
    (piece, *others) = cut_lists([ListFiles(PERSONAL, (file,))], 100).pieces
    assert others == []
    lists = read_part(piece, 0.0, has_base=False)
    assert lists.rows["user_id"].to_pylist() == rows["user_id"].to_pylist()
    assert lists.rows.equals(rows)


def test_coded_parts_are_the_same_lists(tmp_path: Path) -> None:
    rows = Run(1, people(9)).rows(PERSONAL)
    for name, some in (("a", rows.slice(0, 5)), ("b", rows.slice(5))):
        pq.write_table(some, str(tmp_path / name), row_group_size=2)
    files = ListFiles(PERSONAL, tuple(str(tmp_path / name) for name in "ab"))
    pieces = cut_lists([files], 4).pieces
    assert len(pieces) > 1
    found = [read_part(piece, 0.0, has_base=False, coded=True).rows for piece in pieces]
    assert all(part.schema.types == _schema("user_id", _CODED).types for part in found)
    assert [row for part in found for row in part.to_pylist()] == rows.to_pylist()


def test_a_coded_part_ends_where_it_should_though_its_row_groups_do_not(tmp_path: Path) -> None:
    # Groups of two files that overlap are cut where the second begins.
    rows = Run(1, people(9)).rows(PERSONAL)
    for name, places in (("a", [0, 1, 2, 3, 6]), ("b", [4, 5, 7, 8])):
        pq.write_table(rows.take(places), str(tmp_path / name))
    files = ListFiles(PERSONAL, tuple(str(tmp_path / name) for name in "ab"))
    pieces = cut_lists([files], 4).pieces
    assert len(pieces) == 2
    found = [read_part(piece, 0.0, has_base=False, coded=True).rows for piece in pieces]
    assert [row for part in found for row in part.to_pylist()] == rows.to_pylist()


def test_a_coded_part_has_texts_that_the_dictionary_of_a_file_could_not_hold(
    tmp_path: Path,
) -> None:
    rows = Run(1, people(3000)).rows(PERSONAL)
    file = str(tmp_path / "large.parquet")
    pq.write_table(rows, file, dictionary_pagesize_limit=5_000)
    (piece,) = cut_lists([ListFiles(PERSONAL, (file,))], 5_000).pieces
    found = read_part(piece, 0.0, has_base=False, coded=True).rows
    assert found.to_pylist() == rows.to_pylist()


def test_a_coded_part_is_in_order_though_its_file_is_not(tmp_path: Path) -> None:
    rows = Run(1, people(9)).rows(PERSONAL)
    file = str(tmp_path / "compacted.parquet")
    pq.write_table(rows.take([5, 6, 7, 8, 0, 1, 2, 3, 4]), file, row_group_size=4)
    (piece,) = cut_lists([ListFiles(PERSONAL, (file,))], 100).pieces
    assert read_part(piece, 0.0, has_base=False, coded=True).rows.equals(rows)


def test_coded_lists_are_the_same_bytes(tmp_path: Path) -> None:
    rows = Run(1, people(9), reasons={"u3": "few"}).rows(PERSONAL)
    file = str(tmp_path / "lists.parquet")
    pq.write_table(rows, file)
    (piece,) = cut_lists([ListFiles(PERSONAL, (file,))], 100).pieces
    coded = read_part(piece, 0.0, has_base=False, coded=True).rows
    assert bytes(encode_rows(coded, "user_id")) == bytes(encode_rows(rows, "user_id"))
