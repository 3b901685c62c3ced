"""Refused rows that are judged again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from loading import NOW, counts, events, take_in
from pyspark.sql import SparkSession

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import ConfigurationError
from toplists.ingest import redrive as redriving
from toplists.ingest.redrive import RedriveReport, redrive, refused_for
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import LOADS, REJECTED_EVENTS

COUNTS = ("rows", "accepted", "duplicates", "corrections", "rejected")
ANY_SHARE = IngestSettings(max_rejected_share=1.0)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "lake/shop")


def judge_again(
    spark: SparkSession, dataset: Dataset, reason: str, **settings: Any
) -> list[RedriveReport]:
    chosen = IngestSettings(max_rejected_share=1.0, **settings)
    refused = refused_for(dataset, reason, chosen.columns)
    return [
        redrive(spark, dataset, load_id, reason, refused, chosen, loaded_at=NOW)
        for load_id in sorted(refused.samples)
    ]


def state(dataset: Dataset) -> dict[str, Any]:
    """Everything that redriving changes; and that the counts of every load are true."""
    loads = read_rows(dataset, LOADS)
    for load in loads:
        assert load["rows"] == sum(load[name] for name in COUNTS[1:])
        refused = read_rows(dataset, REJECTED_EVENTS, load_id=load["load_id"])
        assert load["rejected"] == len(refused)
        assert {row["redriven_by"] for row in refused} <= {None}
    return {
        "loads": sorted(
            tuple(load[name] for name in ("load_id", "redrive_of", *COUNTS)) for load in loads
        ),
        "rejected": sorted(row["line"] for row in read_rows(dataset, REJECTED_EVENTS)),
        "events": events(dataset, "event_id", "load_id", "line"),
    }


class KilledError(Exception):
    """Stands for the death of the process."""


DieBefore = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def die_before(monkeypatch: pytest.MonkeyPatch) -> DieBefore:
    """Lets what stands inside die before the named step."""

    @contextmanager
    def dying(step: str) -> Iterator[None]:
        def die(*_: Any, **__: Any) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(redriving, step, die)
            with pytest.raises(KilledError):
                yield

    return dying


FEED = "user,item,rating,time\nu,i,-1,2020-01-01\nu,j,4,2020-01-02\nv,i,-1,\nv,k,-1,bad\nu,i,5,\n"


def test_rows_that_are_right_now_become_events_of_a_load_of_their_own(
    spark: SparkSession, dataset: Dataset, tmp_path: Path, die_before: DieBefore
) -> None:
    (tmp_path / "feed.csv").write_text(FEED)
    settings = IngestSettings(max_rejected_share=1, min_value=0)
    first = take_in(spark, dataset, f"csv:{tmp_path}/feed.csv", settings)
    assert counts(first) == (5, 2, 0, 0, 3)
    (tmp_path / "feed.csv").unlink()  # its rows are judged by what was kept of them
    fixed = {"missing": ["-1"], "missing_value": "accepted", "min_value": 0}
    with die_before("_complete"):  # the worst moment: the events are there, and no load has them
        judge_again(spark, dataset, "value_too_low", **fixed)
    (report,) = judge_again(spark, dataset, "value_too_low", **fixed)
    assert (report.load_id, report.judged, report.accepted) == (first.load_id, 3, 2)
    assert state(dataset)["loads"] == sorted(
        [
            (first.load_id, None, 3, 2, 0, 0, 1),
            (report.new_load_id, first.load_id, 2, 2, 0, 0, 0),
        ]
    )
    assert state(dataset)["rejected"] == [5]
    rows = events(dataset, "line", "user_id", "item_id", "load_id")
    assert [row[:3] for row in rows if row[3] == report.new_load_id] == [
        (2, "u", "i"),
        (4, "v", "i"),
    ]
    # The events are those that an ingest under the right settings would have made.
    right = Dataset(tmp_path / "lake/right")
    (tmp_path / "feed.csv").write_text(FEED)
    take_in(spark, right, f"csv:{tmp_path}/feed.csv", IngestSettings(max_rejected_share=1, **fixed))
    assert events(dataset, "event_id", "line") == events(right, "event_id", "line")
    # Once more, there is nothing that would be accepted.
    (again,) = judge_again(spark, dataset, "value_too_low", **fixed)
    assert (again.judged, again.accepted, again.new_load_id) == (1, 0, None)


@pytest.mark.long
@pytest.mark.parametrize("step", ["_mark", "write_events", "_complete", "_forget_taken_over"])
def test_killed_anywhere_it_can_be_run_again(
    spark: SparkSession, dataset: Dataset, tmp_path: Path, die_before: DieBefore, step: str
) -> None:
    (tmp_path / "feed.csv").write_text(FEED)
    settings = IngestSettings(max_rejected_share=1, min_value=0)
    undisturbed = Dataset(tmp_path / "lake/undisturbed")
    for one in (dataset, undisturbed):
        take_in(spark, one, f"csv:{tmp_path}/feed.csv", settings)
    judge_again(spark, undisturbed, "value_too_low")
    expected = state(undisturbed)

    reasons = refused_for(dataset, "value_too_low", ColumnSettings()).reasons
    assert reasons == {"value_too_low", "time_unreadable"}
    with die_before(step):
        judge_again(spark, dataset, "value_too_low")
    judge_again(spark, dataset, "value_too_low")
    assert state(dataset) == expected


KEPT: dict[str, tuple[str, str, str, dict[str, Any], list[tuple[int, str, str]]]] = {
    # Why it was refused, the file, its name, the fix, and the rows accepted by it.
    "netflix": (
        "value_too_high",
        "7:\n1,9,2005-01-01\n2,5,2005-01-01\n",
        "mv_0000007.txt",
        {"max_value": 10},
        [(2, "1", "7")],
    ),
    "movielens": ("value_too_high", "1::2::9::4\n1::3::4::4\n", "ratings.dat", {"max_value": 10}, [(1, "1", "2")]),
    "recbole": (
        "value_not_a_number",
        "user_id:token\titem_id:token\trating:float\tlabel:float\nu\ti\tx\t1\nu\tj\t1\t1\n",
        "a.inter",
        {"columns": ColumnSettings(value="label")},  # another column is meant
        [(2, "u", "i")],
    ),
    "jsonl": (
        "value_too_low",
        '{"user": "u", "item": "i", "rating": 0}\n{"user": "u", "item": "j", "rating": 9}\n',
        "a.jsonl",
        {},
        [(1, "u", "i")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["jsonl", *(pytest.param(k, marks=pytest.mark.long) for k in KEPT if k != "jsonl")]
)
def test_rows_of_every_format_can_be_read_again(
    spark: SparkSession, dataset: Dataset, tmp_path: Path, kind: str
) -> None:
    reason, written, name, fix, accepted = KEPT[kind]
    (tmp_path / name).write_text(written)
    strict = {"min_value": 1.0} if kind == "jsonl" else {}
    source = f"{kind}:{tmp_path / name}"
    take_in(spark, dataset, source, IngestSettings(max_rejected_share=1, **strict))
    (report,) = judge_again(spark, dataset, reason, **fix)
    rows = events(dataset, "load_id", "line", "user_id", "item_id")
    assert [row[1:] for row in rows if row[0] == report.new_load_id] == accepted


def test_columns_that_came_too_late_are_named_together(
    spark: SparkSession, dataset: Dataset, tmp_path: Path
) -> None:
    early = '{"user": "u", "item": "i"}\n' * 1000
    for name, late in {
        # The first refused row has one of them, the second the other, the third both.
        "a.jsonl": ['"stars": 1', '"ts": 10', '"stars": 2, "ts": 20'],
        "b.jsonl": ['"ts": 30'],  # and no row of this load has any stars
    }.items():
        rows = [f'{{"user": "v", "item": "{name}{n}", {one}}}\n' for n, one in enumerate(late)]
        (tmp_path / name).write_text(early + "".join(rows))
        take_in(spark, dataset, f"jsonl:{tmp_path / name}", ANY_SHARE)
    named = ColumnSettings(value="stars", time="ts")
    reports = judge_again(
        spark, dataset, "column_too_late", columns=named, missing_value="accepted"
    )
    assert sorted((one.judged, one.accepted) for one in reports) == [(1, 1), (3, 3)]
    rows = events(dataset, "user_id", "item_id", "value", "event_time")
    assert [
        (item, value, time and time.second) for user, item, value, time in rows if user == "v"
    ] == [
        ("a.jsonl0", 1, None),
        ("a.jsonl1", None, 10),
        ("a.jsonl2", 2, 20),
        ("b.jsonl0", None, 30),
    ]


def test_what_is_not_a_line_can_be_read_again(
    spark: SparkSession, dataset: Dataset, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"user": ["u", "v"], "item": ["i", "j"], "rating": [1.5, None]})
    pq.write_table(table, tmp_path / "feed.parquet")
    (tmp_path / "arrays.jsonl").write_text('{"u": "w", "i": ["a", "b"], "v": [1, null]}\n')
    take_in(spark, dataset, f"parquet:{tmp_path}/feed.parquet", ANY_SHARE)
    columns = ColumnSettings(user="u", item="i[]", value="v[]")
    take_in(
        spark,
        dataset,
        f"jsonl:{tmp_path}/arrays.jsonl",
        IngestSettings(max_rejected_share=1, columns=columns),
    )
    sources = {row["load_id"]: row["source"] for row in read_rows(dataset, LOADS)}
    for load_id, kind in sources.items():
        chosen = columns if kind == "jsonl" else ColumnSettings()
        settings = IngestSettings(missing_value="accepted", columns=chosen)
        refused = refused_for(dataset, "value_missing", chosen)
        redrive(spark, dataset, load_id, "value_missing", refused, settings, loaded_at=NOW)
    rows = events(dataset, "user_id", "item_id")
    assert rows == [("u", "i"), ("v", "j"), ("w", "a"), ("w", "b")]
    assert state(dataset)["rejected"] == []


def test_nothing_is_found_for_a_reason_that_nobody_had(dataset: Dataset) -> None:
    assert refused_for(dataset, "value_missing", ColumnSettings()).samples == {}


def test_a_load_of_release_0_1_0_is_not_guessed_at(
    spark: SparkSession, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feed.csv").write_text("user,item,rating\nu,i,\nu,i,1\n")
    take_in(spark, dataset, f"csv:{tmp_path}/feed.csv", ANY_SHARE)
    old = [{**row, "files": None} for row in read_rows(dataset, LOADS)]
    monkeypatch.setattr(redriving, "read_rows", lambda *_: old)
    with pytest.raises(ConfigurationError, match=r"release 0\.1\.0"):
        judge_again(spark, dataset, "value_missing")
