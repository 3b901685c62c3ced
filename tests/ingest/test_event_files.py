"""Loads that need no session: what they write, and which files they look into."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from loading import counts, events, take_in

from toplists.config.ingest import IngestSettings
from toplists.errors import InputRefusedError, ToplistsError
from toplists.ingest import commit, load
from toplists.ingest.event_files import Stored, stored_files
from toplists.ingest.staging import NO_DAY, Bucket
from toplists.lake.bookkeeping import append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import EVENTS, ITEMS, LOADS

pytestmark = pytest.mark.lake

DAY = 86_400
FIRST = 10_000  # a day, counted from 1970


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "lake/shop")


def feed(tmp_path: Path, name: str, days: list[int | None]) -> str:
    """A CSV file with an event of a user of its own on each of the days."""
    times = ["" if day is None else str((FIRST + day) * DAY) for day in days]
    rows = "".join(f"{name}{at},i,{time}\n" for at, time in enumerate(times))
    (tmp_path / f"{name}.csv").write_text("user,item,time\n" + rows)
    return f"csv:{tmp_path}/{name}.csv"


def test_a_day_after_others_looks_into_no_file(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(None, dataset, feed(tmp_path, "a", [0, 1, 2]))
    looked_into: list[object] = []
    real = pq.read_table
    monkeypatch.setattr(
        pq, "read_table", lambda file, **options: looked_into.append(file) or real(file, **options)
    )
    assert counts(take_in(None, dataset, feed(tmp_path, "b", [3]))) == (1, 1, 0, 0, 0)
    assert looked_into == []
    assert counts(take_in(None, dataset, feed(tmp_path, "c", [1, None]))) == (2, 2, 0, 0, 0)
    assert len(looked_into) == 1


def test_what_is_known_is_not_written_again(dataset: Dataset, tmp_path: Path) -> None:
    take_in(None, dataset, feed(tmp_path, "a", [0, 1, None, None]))
    version = DeltaTable(dataset.path(EVENTS)).version()
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "b.csv").write_text(text + "\n")
    assert counts(take_in(None, dataset, f"csv:{tmp_path}/b.csv")) == (4, 0, 4, 0, 0)
    assert DeltaTable(dataset.path(EVENTS)).version() == version
    (tmp_path / "c.csv").write_text(text + "z,i,\n")
    assert counts(take_in(None, dataset, f"csv:{tmp_path}/c.csv")) == (5, 1, 4, 0, 0)
    assert [user for (user,) in events(dataset, "user_id")] == ["a0", "a1", "a2", "a3", "z"]


def test_files_are_sorted_by_day_and_as_many_as_needed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_ROWS_PER_FILE", 4)
    days = [5, 0, 3, None, 0, 1, 5, 3, None, 2]
    assert counts(take_in(None, dataset, feed(tmp_path, "a", days)))[1] == 10
    found = sorted(stored_files(DeltaTable(dataset.path(EVENTS))), key=lambda one: one.first)
    assert [(one.first - FIRST, one.last - FIRST) for one in found if not one.untimed] == [
        (0, 2),
        (3, 5),
    ]
    for one in found:
        table = pq.read_table(one.path)
        assert table["event_date"].to_pylist() == sorted(
            table["event_date"].to_pylist(), key=lambda day: (day is not None, day)
        )
    (row,) = [
        row
        for row in DeltaTable(dataset.path(EVENTS)).to_pyarrow_table().to_pylist()
        if row["user_id"] == "a0"
    ]
    assert row["event_time"] == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=FIRST + 5)
    assert row["event_date"] == date(1970, 1, 1) + timedelta(days=FIRST + 5)
    assert row["line"] == 2


@pytest.mark.parametrize("what", ["events", "catalogue"])
def test_a_file_that_changes_while_it_is_read_is_not_taken_in(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    source, items = feed(tmp_path, "a", [0, 1]), tmp_path / "items.csv"
    items.write_text("item,title\ni,one\n")
    changed = tmp_path / "a.csv" if what == "events" else items
    before = changed.read_text()
    settings = IngestSettings(items=str(items))
    real = load.scan_here

    def scan_while_it_grows(*arguments: Any) -> Any:
        changed.write_text(before.replace("i,", "j,") + "\n")
        return real(*arguments)

    monkeypatch.setattr(load, "scan_here", scan_while_it_grows)
    with pytest.raises(InputRefusedError, match=rf"{changed} changed while it was read"):
        take_in(None, dataset, source, settings)
    assert not dataset.root.exists()
    monkeypatch.undo()
    changed.write_text(before)
    assert counts(take_in(None, dataset, source, settings)) == (2, 2, 0, 0, 0)
    assert events(dataset, "user_id", "item_id") == [("a0", "i"), ("a1", "i")]


def test_a_catalogue_that_changes_while_it_is_written_completes_no_load(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item,title\ni,one\n")
    real = load.upsert

    def upsert_while_it_grows(*arguments: Any) -> None:
        items.write_text("item,title\ni,two\nj,three\n")
        real(*arguments)

    monkeypatch.setattr(load, "upsert", upsert_while_it_grows)
    source, settings = feed(tmp_path, "a", [0]), IngestSettings(items=str(items))
    with pytest.raises(InputRefusedError, match="changed while it was read"):
        take_in(None, dataset, source, settings)
    assert read_rows(dataset, LOADS) == []
    monkeypatch.undo()
    assert counts(take_in(None, dataset, source, settings)) == (1, 1, 0, 0, 0)
    assert len(read_rows(dataset, ITEMS)) == 2


def test_events_whose_commit_is_not_found_complete_no_load(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeltaTable, "history", lambda self: [])
    with pytest.raises(ToplistsError, match=r"1 new events .* its history does not show load"):
        take_in(None, dataset, feed(tmp_path, "a", [0]))
    assert read_rows(dataset, LOADS) == []


def test_a_file_without_statistics_may_hold_anything(dataset: Dataset, tmp_path: Path) -> None:
    stored = Stored("f", 10, 20, untimed=False)
    assert [stored.may_hold(Bucket(day, day)) for day in (9, 10, 20, 21, NO_DAY)] == [
        *(False, True, True, False),
        False,
    ]
    take_in(None, dataset, feed(tmp_path, "a", [0]))
    row = dict(DeltaTable(dataset.path(EVENTS)).to_pyarrow_table().to_pylist()[0])
    append_rows(dataset, EVENTS, [{**row, "event_id": "x", "event_time": None, "event_date": None}])
    only_untimed = stored_files(DeltaTable(dataset.path(EVENTS)))
    assert [one.may_hold(Bucket(0, 99_999)) for one in only_untimed].count(True) == 1
    assert [one.may_hold(Bucket(NO_DAY, NO_DAY)) for one in only_untimed].count(True) == 1


def test_times_are_stored_to_the_microsecond(dataset: Dataset, tmp_path: Path) -> None:
    table = pa.table(
        {
            "user": ["u"],
            "item": ["i"],
            "time": pa.array([datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)]),
        }
    )
    pq.write_table(table, tmp_path / "feed.parquet")
    take_in(None, dataset, f"parquet:{tmp_path}/feed.parquet")
    (file,) = stored_files(DeltaTable(dataset.path(EVENTS)))
    kind = pq.read_schema(file.path).field("event_time").type
    assert kind == pa.timestamp("us", "UTC")
