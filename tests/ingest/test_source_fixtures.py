"""Every kind of source with the dirt that is typical of it, from its files to events and refusals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from loading import counts, events, take_in
from pyspark.sql import SparkSession

from toplists.config.ingest import ColumnSettings, IngestSettings, TypeSettings, ValueScaleSettings
from toplists.ingest.load import LoadReport
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import ITEMS, REJECTED_EVENTS, USERS

Take = Callable[..., LoadReport]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "lake/shop")


@pytest.fixture
def take(spark: SparkSession, dataset: Dataset) -> Take:
    """Take a source in, whatever share of it is refused."""

    def run(source: str, **settings: Any) -> LoadReport:
        return take_in(spark, dataset, source, IngestSettings(max_rejected_share=1, **settings))

    return run


def refused(dataset: Dataset) -> list[tuple[Any, ...]]:
    """(file, line, raw, codes of the reasons) of every refused row."""
    return sorted(
        (
            Path(row["file"]).name,
            row["line"],
            row["raw"],
            *(reason.partition(":")[0] for reason in row["reasons"]),
        )
        for row in read_rows(dataset, REJECTED_EVENTS)
    )


def test_csv_of_an_office(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    text = (
        "Kunde;Artikel;Note;Wann;Art\n"
        "1;Käse;4,5;1.2.2024 08:30;kauf\n"
        "2;Brot;4.5;1.2.2024 08:30;kauf\n"  # a point, where a comma is declared
        "3;Wein;NULL;1.2.2024 08:30;ansicht\n"  # no value, and that is right
        "x4;Bier;100;31.2.2024 08:30;diebstahl\n"  # four things wrong
        "5;Käse;0;-1;kauf\n"  # no time
        '6;"Käse; alt";11;01.02.2024 08:30;kauf\n'
    )
    (tmp_path / "feed.csv").write_bytes(text.encode("cp1252"))
    report = take(
        f"csv:{tmp_path}/feed.csv",
        delimiter=";",
        encoding="cp1252",
        decimal=",",
        columns=ColumnSettings(
            user="Kunde", item="Artikel", value="Note", time="Wann", event_type="Art"
        ),
        types=TypeSettings(user="whole"),
        missing=["NULL", "-1"],
        missing_value="accepted",
        value_scale=ValueScaleSettings(input=[0, 10], output=[0.5, 5.5]),
        time_pattern="%d.%m.%Y %H:%M",
        time_zone="Europe/Berlin",
        event_types=["kauf", "ansicht"],
    )
    assert counts(report) == (6, 3, 0, 0, 3)
    assert [
        (user, item, value, kind, time and time.isoformat())
        for user, item, value, kind, time in events(
            dataset, "user_id", "item_id", "value", "event_type", "event_time"
        )
    ] == [
        ("1", "Käse", 2.75, "kauf", "2024-02-01T07:30:00+00:00"),
        ("3", "Wein", None, "ansicht", "2024-02-01T07:30:00+00:00"),
        ("5", "Käse", 0.5, "kauf", None),
    ]
    assert refused(dataset) == [
        ("feed.csv", 3, "2;Brot;4.5;1.2.2024 08:30;kauf", "value_not_a_number"),
        (
            "feed.csv",
            5,
            "x4;Bier;100;31.2.2024 08:30;diebstahl",
            "user_not_whole",
            "event_type_unknown",
            "value_too_high",
            "time_unreadable",
        ),
        ("feed.csv", 7, '6;"Käse; alt";11;01.02.2024 08:30;kauf', "value_too_high"),
    ]


def test_tsv_without_header(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "feed.tsv").write_text("u\ti, with a comma\t2024-01-01\nu\t\t2024-01-01\nu\ti\n")
    report = take(f"tsv:{tmp_path}/feed.tsv", header=["user", "item", "time"])
    assert counts(report) == (3, 1, 0, 0, 2)
    assert events(dataset, "line", "item_id") == [(1, "i, with a comma")]
    assert [row[3] for row in refused(dataset)] == ["item_missing", "wrong_field_count"]


def test_json_lines_with_arrays(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    lines = [
        {"session": "s", "items": ["a", "a", ""], "scores": [1, 1, 2]},
        {"session": "t", "items": ["a"], "scores": [1, 2]},
        {"session": 18446744073709551616, "items": ["b"], "scores": ["x"]},
    ]
    written = "".join(json.dumps(line) + "\n" for line in lines) + '{"session": "cut", "it'
    (tmp_path / "feed.jsonl").write_text(written)
    columns = ColumnSettings(user="session", item="items[]", value="scores[]")
    report = take(f"jsonl:{tmp_path}/feed.jsonl", columns=columns)
    assert counts(report) == (6, 2, 0, 0, 4)  # without times the two equal rows are two events
    assert events(dataset, "line", "user_id", "item_id") == [(1, "s", "a"), (1, "s", "a")]
    assert [(row[1], row[3]) for row in refused(dataset)] == [
        (1, "item_missing"),
        (2, "arrays_not_aligned"),
        (3, "value_not_a_number"),
        (4, "not_json"),
    ]
    elements = {row["line"]: row["element"] for row in read_rows(dataset, REJECTED_EVENTS)}
    assert elements == {1: 3, 2: None, 3: 1, 4: None}


def test_delta_by_version(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    def append(*users: str | None) -> None:
        rows = pa.table({"user": pa.array(users, pa.string()), "item": ["i"] * len(users)})
        write_deltalake(str(tmp_path / "table"), rows, mode="append")

    append("a", "b", None)
    assert counts(take(f"delta:{tmp_path}/table")) == (3, 2, 0, 0, 1)
    append("c")
    assert counts(take(f"delta:{tmp_path}/table")) == (1, 1, 0, 0, 0)
    assert take(f"delta:{tmp_path}/table").already_loaded
    assert events(dataset, "user_id") == [("a",), ("b",), ("c",)]
    assert [row[2:] for row in refused(dataset)] == [('{"item":"i"}', "user_missing")]


def test_netflix(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "combined_data_1.txt").write_bytes(
        b"1:\n1488844,3,2005-09-06\n822109,9,2005-05-13\n2:\n30878,4,2005-11-31\n7,5,2005-12-31\n"
    )
    (tmp_path / "mv_0000003.txt").write_bytes(
        b"3:\n7,5,2005-12-31\n7,5,2005-12-31\n8,,2005-12-31\n"
    )
    (tmp_path / "movie_titles.txt").write_bytes(b"1,2003,One, or More\n2,NULL,Caf\xe9\n")
    report = take(f"netflix:{tmp_path}")
    assert (counts(report), report.entries) == ((7, 3, 1, 0, 3), 2)
    assert [
        (user, item, value, time.date().isoformat())
        for user, item, value, time in events(dataset, "user_id", "item_id", "value", "event_time")
    ] == [
        ("1488844", "1", 3.0, "2005-09-06"),
        ("7", "2", 5.0, "2005-12-31"),
        ("7", "3", 5.0, "2005-12-31"),
    ]
    assert refused(dataset) == [
        ("combined_data_1.txt", 3, "1:822109,9,2005-05-13", "value_too_high"),
        ("combined_data_1.txt", 5, "2:30878,4,2005-11-31", "time_impossible"),
        ("mv_0000003.txt", 4, "3:8,,2005-12-31", "value_missing"),
    ]
    titles = {row["item_id"]: (row["title"], row["year"]) for row in read_rows(dataset, ITEMS)}
    assert titles == {"1": ("One, or More", 2003), "2": ("Café", None)}


def test_recbole(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "shop.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        'u\ti "quoted\t4.0\t1577836800.0\n'
        "u\tj\t\t1577836800\n"
        "u\tj\t1\n"
    )
    (tmp_path / "shop.item").write_text(
        "item_id:token\ttitle:token_seq\tprice:float\ni\tA B\t1.5\n"
    )
    (tmp_path / "shop.user").write_text("user_id:token\tage:float\tsex:token\nu\t24\tM\n")
    report = take(f"recbole:{tmp_path}")
    assert (counts(report), report.entries) == ((3, 1, 0, 0, 2), 2)
    assert events(dataset, "item_id", "value") == [('i "quoted', 4.0)]
    assert [row[3] for row in refused(dataset)] == ["value_missing", "wrong_field_count"]
    (item,), (user,) = read_rows(dataset, ITEMS), read_rows(dataset, USERS)
    assert (item["title"], dict(item["numbers"])) == ("A B", {"price": 1.5})
    assert (dict(user["attributes"]), dict(user["numbers"])) == ({"sex": "M"}, {"age": 24.0})


def test_a_catalogue_of_its_own_is_loaded_and_updated(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "feed.csv").write_text("user,item\nu,i\n")
    (tmp_path / "items.csv").write_text("item_id,title,available_until\ni,A,2024-06-01\nj,B,\n")
    (tmp_path / "users.jsonl").write_text('{"user_id": "u", "age": 30, "town": "X"}\n')
    known = {"items": str(tmp_path / "items.csv"), "users": str(tmp_path / "users.jsonl")}
    assert take(f"csv:{tmp_path}/feed.csv", **known).entries == 3
    assert take(f"csv:{tmp_path}/feed.csv", **known).already_loaded
    (tmp_path / "items.csv").write_text("item_id,title,available_until\ni,A2,\nj,B,\n")
    changed = take(f"csv:{tmp_path}/feed.csv", **known)
    assert (counts(changed), changed.entries) == ((0, 0, 0, 0, 0), 2)
    rows = {row["item_id"]: row for row in read_rows(dataset, ITEMS)}
    assert (rows["i"]["title"], rows["i"]["available_until"]) == ("A2", None)
    assert rows["i"]["load_id"] == changed.load_id
    assert rows["j"]["load_id"] != changed.load_id  # nothing differs


BAD_ROWS = {
    "user_missing": ",i{n},4,1000000000",
    "item_missing": "u{n},,4,1000000000",
    "value_missing": "u{n},i,,1000000000",
    "value_not_a_number": "u{n},i,four,1000000000",
    "value_not_finite": "u{n},i,NaN,1000000000",
    "value_too_low": "u{n},i,-1,1000000000",
    "value_too_high": "u{n},i,99,1000000000",
    "time_unreadable": "u{n},i,4,yesterday",
    "time_impossible": "u{n},i,4,2005-11-31",
    "wrong_field_count": "u{n},i,4",
}


@pytest.mark.long
def test_of_a_million_rows_exactly_the_bad_ones_are_refused(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    kinds = list(BAD_ROWS)
    expected: dict[int, str] = {}
    with (tmp_path / "feed.csv").open("w") as feed:
        feed.write("user,item,rating,time\n")
        for n in range(1_000_000):
            line = n + 2
            if n % 200 == 17:  # 5,000 of them, 500 of each kind
                kind = kinds[n // 200 % len(kinds)]
                expected[line] = kind
                feed.write(BAD_ROWS[kind].format(n=n) + "\n")
            else:
                feed.write(f"u{n % 9973},i{n % 997},{n % 5 + 1},{1_000_000_000 + n}\n")
    report = take(f"csv:{tmp_path}/feed.csv", min_value=0, max_value=5)
    assert counts(report) == (1_000_000, 995_000, 0, 0, 5_000)
    found = {line: codes for _, line, _, *codes in refused(dataset)}
    assert found == {line: [kind] for line, kind in expected.items()}
    assert Counter(expected.values()) == dict.fromkeys(kinds, 500)
