"""Which event a row is, and which row of an event counts."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession

from toplists.ingest.identity import identify

JUDGED = (
    "file int, line bigint, element bigint, refusal string, raw string, reasons array<string>, user_id string, "
    "item_id string, event_type string, value double, event_time timestamp, updated_at timestamp, "
    "event_id string"
)
T1, T2 = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "file": 0,
    "reasons": [],
    "user_id": "u",
    "item_id": "i",
    "event_type": "rating",
    "value": 4.0,
    "event_time": T1,
}


def frame(spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
    names = [column.strip().partition(" ")[0] for column in JUDGED.split(", ")]
    complete = [{**GOOD, "line": line, **row} for line, row in enumerate(rows, start=1)]
    return spark.createDataFrame([[row.get(name) for name in names] for row in complete], JUDGED)


def identified(spark: SparkSession, rows: list[dict[str, Any]]) -> list[Row]:
    return identify(frame(spark, rows), "csv").orderBy("line").collect()


def test_every_part_of_the_content_makes_the_id(spark: SparkSession) -> None:
    rows = identified(
        spark,
        [
            {},
            {"user_id": "v"},
            {"item_id": "j"},
            {"event_type": "click"},
            {"value": 5.0},
            {"value": None},
            {"event_time": T2},
            {"user_id": "", "item_id": "ui"},  # the same characters, cut elsewhere
            {"user_id": "ui", "item_id": ""},
        ],
    )
    assert len({row.event_id for row in rows}) == len(rows)
    assert all(len(row.event_id) == 32 and row.copy == 1 for row in rows)
    other_source = identify(frame(spark, [{}]), "movielens").collect()[0]
    assert other_source.event_id not in {row.event_id for row in rows}


def test_the_id_stays_the_same_for_ever(spark: SparkSession) -> None:
    # Stored tables hold these ids: another value here doubles every event that is loaded again.
    four = "-3054283333461073093"  # xxhash64 of the bits of 4.0
    timed, timeless = identified(spark, [{}, {"event_time": None}])
    assert timed.event_id == sha256("csv", "u", "i", "rating", four, "1577836800000000")
    content = sha256("csv", "u", "i", "rating", four, "")
    assert timeless.event_id == sha256(content, "1")


def sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def test_equal_rows_with_a_time_are_one_event(spark: SparkSession) -> None:
    rows = identified(spark, [{}, {"user_id": "v"}, {}])
    assert rows[0].event_id == rows[2].event_id
    assert [row.copy for row in rows] == [1, 1, 2]


def test_equal_rows_without_a_time_are_several_events(spark: SparkSession) -> None:
    rows = identified(spark, [{"event_time": None}, {"event_time": None}, {"event_time": None}])
    assert len({row.event_id for row in rows}) == 3
    assert {row.copy for row in rows} == {1}


def test_ids_depend_neither_on_lines_nor_on_partitions(spark: SparkSession) -> None:
    rows = [{"user_id": f"u{n % 7}", "event_time": T1 if n % 2 else None} for n in range(40)]
    shuffled = random.Random(1).sample(rows, len(rows))

    def outcome(found: DataFrame) -> list[tuple[str, str]]:
        return sorted((row.user_id, row.event_id) for row in found.where("copy = 1").collect())

    one = outcome(identify(frame(spark, rows).coalesce(1), "csv"))
    assert one == outcome(identify(frame(spark, shuffled).repartition(5), "csv"))
    assert len(one) == 20 + 7


def test_of_a_given_id_the_newest_version_counts(spark: SparkSession) -> None:
    rows = identified(
        spark,
        [
            {"event_id": "a", "updated_at": T1},
            {"event_id": "a", "updated_at": T2, "value": 1.0},  # newest, whatever its content
            {"event_id": "a", "updated_at": None, "value": 5.0},  # no version is the oldest
            {"event_id": "b"},
        ],
    )
    assert [row.event_id for row in rows] == ["a", "a", "a", "b"]
    assert [row.line for row in rows if row.copy == 1] == [2, 4]


def test_between_equal_versions_the_content_decides_not_the_order(spark: SparkSession) -> None:
    rows: list[dict[str, Any]] = [{"event_id": "a", "value": float(n)} for n in range(6)]
    kept = [row.value for row in identified(spark, rows) if row.copy == 1]
    assert kept == [row.value for row in identified(spark, rows[::-1]) if row.copy == 1]
    assert len(kept) == 1


def test_a_refused_row_displaces_no_event(spark: SparkSession) -> None:
    rows = identified(
        spark,
        [
            {"reasons": ["value_missing: x"], "value": None},
            {"event_id": "0:1"},  # what a refused row of line 1 is spread by
            {"reasons": ["value_missing: x"], "event_id": "a"},
            {"event_id": "a"},
        ],
    )
    assert [row.copy for row in rows if not row.reasons] == [1, 1]


def test_the_date_is_that_of_utc(spark: SparkSession) -> None:
    (row,) = identified(spark, [{"event_time": datetime(2020, 1, 1, 23, 59, 59, tzinfo=UTC)}])
    assert row.event_date.isoformat() == "2020-01-01"
    assert row.source == "csv"
