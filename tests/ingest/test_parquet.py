"""Parquet columns → the same text that other formats hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.config.ingest import ColumnSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import Role
from toplists.ingest.files import InputFile
from toplists.ingest.lines import TextPiece
from toplists.ingest.parquet import ParquetLayout, inspect_parquet, read_parquet
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.reading import EventInput


def inspect(path: Path, **columns: pa.Array) -> ParquetLayout:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return inspect_parquet(InputFile(path), ColumnSettings())


def rows_of(path: Path, layout: ParquetLayout) -> list[dict[str, Any]]:
    pieces = plan_pieces([EventInput(InputFile(path), layout)], lambda pieces: [])
    batches = [
        batch for one in pieces if not isinstance(one, TextPiece) for batch in read_parquet(one)
    ]
    return [row for batch in batches for row in batch.to_pylist()]


def text_of(tmp_path: Path, role: Role, array: pa.Array) -> list[str | None]:
    ids = pa.array([1] * len(array))
    columns = {"user": ids, "item": ids, {"time": "time", "value": "rating"}.get(role, role): array}
    path = tmp_path / "feed.parquet"
    return [row[role] for row in rows_of(path, inspect(path, **columns))]


def test_rows_are_numbered_through_all_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    layout = inspect(path, user=pa.array(list("abcde")), item=pa.array(range(5)))
    assert layout.row_groups == (2, 2, 1)
    rows = rows_of(path, layout)
    assert [(row["line"], row["user"], row["item"]) for row in rows] == [
        (1, "a", "0"),
        (2, "b", "1"),
        (3, "c", "2"),
        (4, "d", "3"),
        (5, "e", "4"),
    ]
    assert {row["raw"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([2**63 - 1, -(2**63)]), ["9223372036854775807", "-9223372036854775808"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array(["007", "a,b", "", None]), ["007", "a,b", "", None]),
        (pa.array(["x"], pa.large_string()), ["x"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([Decimal(10) ** 30], pa.decimal128(38, 0)), ["1" + "0" * 30]),
    ],
)
def test_ids_come_out_exactly(tmp_path: Path, array: pa.Array, text: list[str]) -> None:
    assert text_of(tmp_path, "user", array) == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([4, None], pa.int8()), ["4", None]),
        (pa.array([4.1], pa.float32()), ["4.1"]),  # what was meant, not 4.099999904632568
        (pa.array([0.1, float("nan")]), ["0.1", "nan"]),
        (pa.array([Decimal("4.50")]), ["4.50"]),
    ],
)
def test_values(tmp_path: Path, array: pa.Array, text: list[str]) -> None:
    assert text_of(tmp_path, "value", array) == text


MOMENT = datetime(2020, 1, 2, 3, 4, 5, 678901, UTC)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([MOMENT], pa.timestamp("us", "Asia/Tokyo")), "2020-01-02 03:04:05.678901Z"),
        (pa.array([MOMENT], pa.timestamp("ns")), "2020-01-02 03:04:05.678901"),
        (pa.array([MOMENT], pa.timestamp("us")), "2020-01-02 03:04:05.678901"),
        (pa.array([date(2020, 1, 2)]), "2020-01-02"),
        (pa.array([1577934245]), "1577934245"),
    ],
)
def test_times_with_a_zone_are_shown_in_utc(tmp_path: Path, array: pa.Array, text: str) -> None:
    assert text_of(tmp_path, "time", array) == [text]


@pytest.mark.parametrize("year", [1600, 2020, 2600])
def test_what_spark_writes_is_shown_in_utc(tmp_path: Path, year: int) -> None:
    moments = pa.array([MOMENT.replace(year=year, tzinfo=None), None])
    table = pa.table({"user": ["a", "b"], "item": ["i", "i"], "time": moments, "other": moments})
    path = tmp_path / "feed.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    layout = inspect_parquet(InputFile(path), ColumnSettings())
    assert [row["time"] for row in rows_of(path, layout)] == [
        f"{year}-01-02 03:04:05.678901Z",
        None,
    ]


def test_a_time_that_microseconds_cannot_hold_is_none(tmp_path: Path) -> None:
    numbers = [2**62, -(2**63) + 1, 0, None]
    found = text_of(tmp_path, "time", pa.array(numbers, pa.int64()).cast(pa.timestamp("ms")))
    assert found == [*map(str, numbers[:2]), "1970-01-01 00:00:00.000000", None]


def test_typed_times_are_told_from_numbers(tmp_path: Path) -> None:
    one = pa.array([1])
    path = tmp_path / "feed.parquet"
    typed = inspect(path, user=one, item=one, time=pa.array([MOMENT]), updated_at=one)
    assert typed.typed_times == {"time"}


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("user", pa.array([1.0])),  # 1 or "1.0"? and 2**53 + 1 is lost already
        ("user", pa.array([Decimal("1.5")])),
        ("rating", pa.array([True])),
        ("rating", pa.array([[1]])),
        ("time", pa.array([b"x"])),
    ],
)
def test_a_type_that_cannot_be_meant_is_refused(tmp_path: Path, name: str, array: pa.Array) -> None:
    columns = {"user": pa.array([1]), "item": pa.array([1])} | {name: array}
    with pytest.raises(InputRefusedError, match=rf"feed\.parquet: column {name} is of type"):
        inspect(tmp_path / "feed.parquet", **columns)


def test_a_missing_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="expected a column with the item id"):
        inspect(tmp_path / "feed.parquet", user=pa.array([1]))


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    inspect(path, user=pa.array([1]), item=pa.array([1]))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputRefusedError, match=r"feed\.parquet cannot be read as Parquet"):
        inspect_parquet(InputFile(path), ColumnSettings())


def test_damage_inside_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    layout = inspect(path, user=pa.array(["x" * 500]), item=pa.array([1]))
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56  # the first page's header
    path.write_bytes(content)
    with pytest.raises(InputRefusedError, match=r"feed\.parquet cannot be read as Parquet"):
        rows_of(path, layout)
