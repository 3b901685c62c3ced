"""Typed files of items and users → catalogue entries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.entries import EntryTable, read_typed
from toplists.ingest.files import InputFile

MOMENT = datetime(2024, 1, 2, 3, tzinfo=UTC)


def entries(
    path: Path, content: bytes, table: EntryTable = "items", **settings: Any
) -> list[dict[str, Any]]:
    path.write_bytes(content)
    return list(read_typed(InputFile(path), table, IngestSettings(**settings)))


def item(item_id: str, **known: Any) -> dict[str, Any]:
    nothing = {
        "title": None,
        "year": None,
        "genres": [],
        "available_from": None,
        "available_until": None,
        "attributes": {},
        "numbers": None,
    }
    return {"item_id": item_id, **nothing, **known}


def test_recbole_items(tmp_path: Path) -> None:
    content = (
        "movie_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\t"
        "price:float\tvector:float_seq\tmaker:token\tavailable_from:float\n"
        '007\t"Heat, the\t1995\tAction Crime\t9.5\t0.1 0.2\tcafé\t1704164400\n'
        "2\t\tunknown\t\t\t\t\t\n"
    ).encode()
    assert entries(tmp_path / "ml.item", content) == [
        item(
            "007",
            title='"Heat, the',
            year=1995,
            genres=["Action", "Crime"],
            numbers={"price": 9.5},
            attributes={"vector": "0.1 0.2", "maker": "café"},
            available_from=MOMENT,
        ),
        item("2", attributes={"release_year": "unknown"}),  # no year
    ]


def test_recbole_users(tmp_path: Path) -> None:
    content = b"user_id:token\tage:float\tsex:token\n1\t24\tM\n2\t\tF\n"
    assert entries(tmp_path / "ml.user", content, "users") == [
        {"user_id": "1", "attributes": {"sex": "M"}, "numbers": {"age": 24.0}},
        {"user_id": "2", "attributes": {"sex": "F"}, "numbers": None},
    ]


def test_csv_items(tmp_path: Path) -> None:
    content = (
        "\ufeffid,Title,year,genres,available_from,available_until,price\r\n"
        '1,"Heat, the ""best""",1995,Action|Crime,2024-01-02 04:00,2024-01-02T03:00:00Z,9.5\r\n'
        '2,"two\nlines",,,,,\r\n'
    ).encode()
    found = entries(tmp_path / "items.csv", content, time_zone="Europe/Berlin")
    assert found == [
        item(
            "1",
            title='Heat, the "best"',
            year=1995,
            genres=["Action", "Crime"],
            available_from=MOMENT,  # four o'clock in Berlin
            available_until=MOMENT,
            attributes={"price": "9.5"},
        ),
        item("2", title="two\nlines"),
    ]


def test_json_and_parquet_keep_types(tmp_path: Path) -> None:
    row = {
        "sku": 2**53 + 1,
        "title": "A",
        "genres": ["x", "y"],
        "price": 3,
        "new": True,
        "year": 1999,
    }
    expected = item(
        "9007199254740993",
        title="A",
        genres=["x", "y"],
        year=1999,
        numbers={"price": 3.0},
        attributes={"new": "true"},
    )
    assert entries(tmp_path / "items.jsonl", json.dumps(row).encode() + b"\n") == [expected]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "items.parquet")
    found = read_typed(InputFile(tmp_path / "items.parquet"), "items", IngestSettings())
    assert list(found) == [expected]


def test_ids_in_json_are_as_they_are_written(tmp_path: Path) -> None:
    content = b'{"item": 1.0, "price": 1.50}\n{"item": 1e3}\n{"item": 1}\n'
    found = entries(tmp_path / "i.jsonl", content)
    assert [one["item_id"] for one in found] == ["1.0", "1e3", "1"]
    assert found[0]["numbers"] == {"price": 1.5}


def test_a_number_that_no_column_holds_is_text(tmp_path: Path) -> None:
    (found,) = entries(
        tmp_path / "i.jsonl", b'{"item": 1, "pages": 1%s, "x": 1e999}' % (b"0" * 400)
    )
    assert (found["attributes"], found["numbers"]) == ({"pages": "1" + "0" * 400}, None)


def test_what_spark_writes_of_times_is_in_utc(tmp_path: Path) -> None:
    table = pa.table({"item": ["1"], "available_from": pa.array([MOMENT.replace(tzinfo=None)])})
    path = tmp_path / "i.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    settings = IngestSettings(time_zone="Europe/Berlin")
    (found,) = read_typed(InputFile(path), "items", settings)
    assert found["available_from"] == MOMENT


def test_the_id_column_may_be_named(tmp_path: Path) -> None:
    chosen = ColumnSettings(item="article")
    (found,) = entries(tmp_path / "i.csv", b"article,item_id\na,b\n", columns=chosen)
    assert found["item_id"] == "a"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"name,price\nx,1\n", "line 2: expected one column with the item id"),
        ("a.csv", b"item_id,title\n1,A\n2\n", "line 3: expected 2 fields, found 1"),
        ("a.csv", b"item_id,title\n ,A\n", "line 2: the item id is empty"),
        ("a.csv", b"item_id,available_from\n1,soon\n", "line 2: available_from: 'soon' is no time"),
        ("a.item", b"item_id\tprice:float\n", "line 1: 'item_id' is not a field of an atomic file"),
        ("a.item", b"item_id:token\tp:float\n1\tx\n", "line 2: p: 'x' is declared a float"),
        ("a.item", b"item_id:token\n1\t2\n", "line 2: expected 1 fields, found 2"),
        ("a.jsonl", b'{"item_id": 1}\n{"item_id": \n', "line 2 is not JSON"),
        (
            "a.jsonl",
            b'{"item_id": 1, "title": "\\ud83d"}\n',
            "line 1: a text holds half a character",
        ),
        ("a.csv", b"item_id,title\n1,caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
        ("a.csv", b'item_id,title\n1,"' + b"x" * 200_000, "line 2: field larger than"),
        ("a.xlsx", b"PK", "is no catalogue that can be read"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(InputRefusedError, match=rf"{name}.*{said}"):
        entries(tmp_path / name, content)
