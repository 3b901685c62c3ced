"""What the log says of a file: nothing that would make a reader leave one of its rows out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from toplists.ingest.commit import write_events
from toplists.ingest.plain import ACCEPTED
from toplists.ingest.staging import Stage
from toplists.lake.dataset import Dataset
from toplists.lake.statistics import file_statistics
from toplists.lake.tables import EVENTS


def moments(*micros: int | None) -> pa.Table:
    return pa.table({"t": pa.array(micros, pa.int64()).cast(pa.timestamp("us", "UTC"))})


def test_every_column_has_its_bounds_and_nulls() -> None:
    rows = pa.table(
        {
            "text": ["b", None, "ä" * 40],
            "whole": [3, 1, 2],
            "number": [0.5, None, -2.0],
            "day": [date(2001, 9, 9), date(1999, 1, 1), None],
            "nothing": pa.nulls(3, pa.float64()),
        }
    )
    assert file_statistics(rows) == {
        "numRecords": 3,
        "minValues": {"text": "b", "whole": 1, "number": -2.0, "day": "1999-01-01"},
        "maxValues": {"text": "ä" * 40, "whole": 3, "number": 0.5, "day": "2001-09-09"},
        "nullCount": {"text": 1, "whole": 0, "number": 1, "day": 1, "nothing": 3},
    }


@pytest.mark.parametrize(
    ("micros", "low", "high"),
    [
        (10**15, "2001-09-09T01:46:40.000Z", "2001-09-09T01:46:40.000Z"),
        (10**15 + 1, "2001-09-09T01:46:40.000Z", "2001-09-09T01:46:40.001Z"),
        (-1, "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_bounds_of_times_are_milliseconds_around_them(micros: int, low: str, high: str) -> None:
    found = file_statistics(moments(micros, None))
    assert (found["minValues"], found["maxValues"]) == ({"t": low}, {"t": high})


@pytest.mark.parametrize("micros", [2**60, -(2**60), 253_402_300_799_999_999])
def test_a_time_that_cannot_be_written_leaves_all_bounds_out(micros: int) -> None:
    assert file_statistics(moments(0, micros)) == {"numRecords": 2}


def test_both_zeros_are_within_the_bounds() -> None:
    found = file_statistics(pa.table({"v": [0.0, -0.0]}))
    assert json.dumps([found["minValues"], found["maxValues"]]) == '[{"v": -0.0}, {"v": 0.0}]'
    found = file_statistics(pa.table({"v": [-0.0, 0.0]}))
    assert json.dumps([found["minValues"], found["maxValues"]]) == '[{"v": -0.0}, {"v": 0.0}]'


ROWS: list[dict[str, Any]] = [
    {
        "user_id": "a",
        "event_type": "click",
        "value": 3.0,
        "event_time": 10**15 + 1,
        "updated_at": 10**15,
    },
    {"user_id": "b", "event_type": "view", "value": None, "event_time": None, "updated_at": None},
    {
        "user_id": "z" * 300,
        "event_type": "view",
        "value": -0.5,
        "event_time": 1_100_000_000_000_000,
        "updated_at": None,
    },
]


def accepted(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    complete = [{"file": 0, "line": at, "item_id": "i", **row} for at, row in enumerate(rows, 2)]
    return pa.RecordBatch.from_pylist(complete, schema=ACCEPTED)


def write(dataset: Dataset, load_id: str, rows: list[dict[str, Any]]) -> None:
    stage = Stage(str(dataset.work), load_id, "csv")
    stage.add(accepted(rows))
    write_events(None, [stage.close()], dataset, load_id, "csv", given_ids=False)


@pytest.mark.lake
@pytest.mark.parametrize("far", [False, True])
def test_a_filter_on_any_column_finds_its_rows(tmp_path: Path, far: bool) -> None:
    dataset = Dataset(tmp_path / "lake/shop")
    dataset.create_tables()
    write(dataset, "first", ROWS)
    if far:  # in the year 38505: a file without bounds beside one that has them
        write(dataset, "second", [{**ROWS[0], "user_id": "c", "updated_at": 2**60}])
    table = DeltaTable(dataset.path(EVENTS))
    rows = table.to_pyarrow_table()
    assert len(rows) == 3 + far
    for name in rows.column_names:
        for value in rows[name].drop_null():
            wanted = rows.filter(pc.equal(rows[name], value))["user_id"].to_pylist()
            found = table.to_pyarrow_table(filters=pc.field(name) == value)["user_id"]
            assert sorted(found.to_pylist()) == sorted(wanted), (name, value)


@pytest.mark.lake
@pytest.mark.parametrize("row", [{"value": 1e30}, {"value": float("nan")}, {"user_id": ""}])
def test_what_breaks_a_constraint_is_not_written(tmp_path: Path, row: dict[str, Any]) -> None:
    dataset = Dataset(tmp_path / "lake/shop")
    dataset.create_tables()
    with pytest.raises(ValueError, match="break a constraint of events"):
        write(dataset, "first", [*ROWS, {**ROWS[0], **row}])
    assert DeltaTable(dataset.path(EVENTS)).file_uris() == []
