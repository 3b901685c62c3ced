"""Rows that are taken without being judged: the judge would say the same of them."""

from __future__ import annotations

import random
from calendar import isleap
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from toplists.ingest.checks import judge, latest_time
from toplists.ingest.columns import ROLES, Role
from toplists.ingest.plain import ACCEPTED, take_plain
from toplists.ingest.rules import RowRules
from toplists.ingest.scan import SCANNED_DDL
from toplists.ingest.scanned import SCANNED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {"user": "u", "item": "i", "value": "4", "time": "1000000000"}
USUAL: tuple[Role, ...] = ("user", "item", "value", "time")
RULES = RowRules(frozenset(USUAL), "auto", "auto", (0.5, 5.0))


def scanned(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    complete = [{"file": 0, "line": line, **row} for line, row in enumerate(rows, start=1)]
    return pa.RecordBatch.from_pylist(complete, schema=SCANNED)


def taken(rows: list[dict[str, Any]], rules: RowRules = RULES) -> list[dict[str, Any]]:
    plain, others = take_plain(scanned([{**GOOD, **row} for row in rows]), rules, latest_time(NOW))
    assert plain.schema == ACCEPTED
    assert len(plain) + len(others) == len(rows)
    return list(plain.to_pylist())


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"value": "4.25"},
        {"time": "2001-09-09 01:46:40"},
        {"time": "2001-09-09T01:46:40.5Z"},
        {"time": "2001-09-09"},
        {"time": "1000000000000"},  # milliseconds
        {"time": None},
        {"time": ""},
        {"user": " ä "},
    ],
)
def test_what_usual_feeds_hold_is_plain(row: dict[str, Any]) -> None:
    assert len(taken([row])) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"user": ""},
        {"item": None},
        {"user": "a\0b"},
        {"item": "x" * 513},
        {"value": "four"},
        {"value": None},
        {"value": "0"},
        {"value": "NaN"},
        {"value": "1e0"},  # right, but not plain
        {"time": "2001-02-30"},
        {"time": "2024-06-01"},
        {"time": "yesterday"},
        {"time": "-1"},
        {"problem": "wrong_field_count: expected 4 fields, found 2"},
    ],
)
def test_what_is_to_be_judged_is_left(row: dict[str, Any]) -> None:
    assert taken([row]) == []


def test_a_value_that_is_too_large_once_scaled_is_left() -> None:
    rules = RowRules(RULES.roles, "auto", "auto", (None, None), value_scale=(1e30, 0.0))
    assert [row["value"] for row in taken([{"value": "1"}, {"value": "0.5"}], rules)] == [5e29]


def test_one_row_that_is_left_does_not_take_others_along() -> None:
    rows = [{"user": "a"}, {"user": ""}, {"user": "b"}]
    assert [row["user_id"] for row in taken(rows)] == ["a", "b"]


def test_an_impossible_time_does_not_take_others_along() -> None:
    times = ["2001-02-30", "2001-09-09", "2001-09-09 25:00:00", "2001-09-09 01:46:40"]
    assert len(taken([{"time": time} for time in times])) == 2


def test_exactly_the_days_that_there_are_are_plain() -> None:
    texts = [
        f"{year:04}-{month:02}-{day:02}"
        for year in (1972, 1973, 1999, 2000, 2001, 2023, 2024)
        for month in range(14)
        for day in range(33)
    ]
    there_are = []
    for text in texts:
        with suppress(ValueError):
            there_are.append(date.fromisoformat(text))
    found = [row["event_time"].date() for row in taken([{"time": text} for text in texts])]
    assert found == [day for day in there_are if day <= NOW.date() + timedelta(days=1)]


def test_years_divisible_by_100_are_leap_years_where_by_400() -> None:
    # Beyond the present, so as versions, which may be.
    rules = RowRules(frozenset({"user", "item", "updated_at"}), "auto", "auto", (None, None))
    texts = [f"{year}-02-29" for year in range(1970, 2500)]
    found = [row["updated_at"].year for row in taken([{"updated_at": one} for one in texts], rules)]
    assert found == [year for year in range(1970, 2500) if isleap(year)]


TEXTS: dict[Role, list[str | None]] = {
    "user": ["u", "7", "-7", " u ", "", None, " ", "a\0", "x" * 512, "é" * 513, "-1", "7\n"],
    "item": ["i", "j", "12", "", None, "NULL"],
    "value": [
        *("1", "4.5", "0.1", "-0.0", "0", "5.01", "", None, "x", "1e3", "+4", "4.", "NaN", " 4"),
        *("00004", "123456789012345678", "0.333333333333333314829616256247", "٤", "4\n"),
    ],
    "time": [
        *("0", "1000000000", "99999999999", "100000000000", "1000000000000", "1.5", "", None),
        *("1000000000000000", "99999999999999999", "2001-09-09", "2001-09-09 01:46:40", "-5"),
        *("2001-09-09T01:46:40Z", "2001-09-09 01:46:40.123456Z", "2001-09-09 1:46", "1969-12-31"),
        *("2001-02-30", "2000-02-29", "2001-02-29", "2001-09-09 24:00:00", "2001-09-09 23:59:60"),
        *("2024-05-02T12:00:00Z", "2024-05-02T12:00:00.000001Z", "2001-09-09T01:46:40+02:00"),
        *("0001-01-01", "2001-09-09 01:46:40.1", "9999-12-31", "2001-09-09\n", "1000000000\n"),
    ],
    "event_type": ["click", None, "", "rating", "other"],
    "event_id": ["e", "", None, "e\0"],
    "updated_at": ["2020-01-01", "1000000000", "", None, "soon", "1960-01-01", "2030-01-01"],
}

PLAIN: dict[Role, list[str]] = {
    "user": ["u", "7", "-7"],
    "item": ["i", "12"],
    "value": ["1", "4.5"],
    "time": ["1000000000", "2001-09-09 01:46:40", "2001-09-09T01:46:40Z"],
    "event_type": ["click", "rating"],
    "event_id": ["e"],
    "updated_at": ["2020-01-01", "1000000000"],
}

CASES: dict[str, RowRules] = {
    "usual": RULES,
    "everything": RowRules(frozenset(ROLES), "auto", "auto", (None, None)),
    "whole ids": RowRules(RULES.roles, "auto", "auto", (None, None), whole=frozenset({"user"})),
    "missing": RowRules(
        frozenset(ROLES), "auto", "auto", (None, 5.0), missing=("-1", "0", "NULL"), value_optional=True
    ),
    "scaled": RowRules(RULES.roles, "seconds", "auto", (0.0, 10.0), value_scale=(0.45, 0.1)),
    "millis": RowRules(frozenset(ROLES), "millis", "micros", (None, None)),
    "types": RowRules(frozenset(ROLES), "iso", "iso", (None, None), event_types=("click", "rating")),
    "a zone": RowRules(RULES.roles, "auto", "auto", (None, None), time_zone="Europe/Berlin"),
    "a pattern": RowRules(RULES.roles, "auto", "auto", (None, None), time_pattern="%Y-%m-%d"),
    "a comma": RowRules(RULES.roles, "auto", "auto", (None, None), decimal=","),
    "no values": RowRules(frozenset({"user", "item"}), "auto", "auto", (None, None)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_judge_says_the_same(spark: SparkSession, case: str) -> None:
    rules, draw = CASES[case], random.Random(case)
    usual = [{role: draw.choice(texts) for role, texts in PLAIN.items()} for _ in range(100)]
    # Every text in an otherwise plain row, and rows of anything.
    single = [{**usual[0], role: text} for role, texts in TEXTS.items() for text in texts]
    mixed = [{role: draw.choice(texts) for role, texts in TEXTS.items()} for _ in range(300)]
    everything = [*usual, *single, *mixed]
    rows = [{name: row[name] for name in rules.roles} for row in everything]
    batch = scanned(rows)
    plain = take_plain(batch, rules, latest_time(NOW))[0].to_pylist()
    frame = spark.createDataFrame([tuple(row.values()) for row in batch.to_pylist()], SCANNED_DDL)
    times = ("event_time", "updated_at")
    # As numbers: Python knows no year after 9999.
    verdicts = judge(frame, rules, NOW).withColumns({name: F.unix_micros(name) for name in times})
    judged = {row.line: row for row in verdicts.toLocalIterator()}
    if case not in ("a pattern", "a comma"):
        assert len(plain) > 10  # or there is nothing to compare
    for row in plain:
        verdict = judged[row["line"]]
        assert verdict.reasons == []
        found = {name: getattr(verdict, name) for name in ACCEPTED.names}
        for name in times:
            row[name] = row[name] and (row[name] - EPOCH) // timedelta(microseconds=1)
        assert found == row
