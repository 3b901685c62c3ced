"""Judging rows: every reason to refuse one, and what is read from the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from toplists.ingest.checks import judge
from toplists.ingest.columns import ROLES, Role
from toplists.ingest.rules import RowRules, TimeFormat
from toplists.ingest.times import read_time

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {"user": "u", "item": "i", "value": "4", "time": "1000000000"}
SCHEMA = (
    "file int, line bigint, element bigint, raw string, problem string, "
    + ", ".join(f"{role} string" for role in ROLES)
    + ", refusal string, staged string"
)


def judged(
    spark: SparkSession,
    rows: list[dict[str, Any]],
    roles: tuple[Role, ...] = ("user", "item", "value", "time"),
    value_range: tuple[float | None, float | None] = (0.5, 5.0),
    **further: Any,
) -> list[Row]:
    """The verdict on rows like GOOD with some columns changed, in order."""
    names = SCHEMA.replace(" bigint", "").replace(" string", "").replace(" int", "").split(", ")
    complete = [
        {"file": 0, "line": line, "raw": f"row {line}\r\n", **GOOD, **row}
        for line, row in enumerate(rows, start=1)
    ]
    frame = spark.createDataFrame([[row.get(name) for name in names] for row in complete], SCHEMA)
    rules = RowRules(frozenset(roles), "auto", "auto", value_range, **further)
    return judge(frame, rules, NOW).orderBy("line").collect()


def codes(row: Row) -> list[str]:
    return [reason.partition(":")[0] for reason in row.reasons]


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"user": ""}, ["user_missing"]),
    ({"user": None}, ["user_missing"]),
    ({"item": " \t"}, ["item_missing"]),  # whitespace only
    ({"user": "a\0b"}, ["user_has_nul"]),
    ({"item": "x" * 513}, ["item_too_long"]),
    ({"value": ""}, ["value_missing"]),
    ({"value": "four"}, ["value_not_a_number"]),
    ({"value": "4,5"}, ["value_not_a_number"]),
    ({"value": "4d"}, ["value_not_a_number"]),  # a number to Java
    ({"value": "0x4"}, ["value_not_a_number"]),
    ({"value": "NaN"}, ["value_not_finite"]),
    ({"value": "-inf"}, ["value_not_finite"]),
    ({"value": "1e999"}, ["value_not_finite"]),
    ({"value": "-1e999"}, ["value_not_finite", "value_too_low"]),
    ({"value": "0"}, ["value_too_low"]),
    ({"value": "5.01"}, ["value_too_high"]),
    ({"time": "yesterday"}, ["time_unreadable"]),
    ({"time": "-1"}, ["time_too_early"]),
    ({"time": "1969-12-31T23:59:59Z"}, ["time_too_early"]),
    ({"time": "2024-05-02T12:00:01Z"}, ["time_in_future"]),  # a day and a second after the load
    (
        {"user": "", "item": "", "value": "x"},
        ["user_missing", "item_missing", "value_not_a_number"],
    ),
]


def test_every_reason_of_a_refused_row_is_given(spark: SparkSession) -> None:
    verdicts = judged(spark, [row for row, _ in BAD])
    found = [(row, codes(verdict)) for (row, _), verdict in zip(BAD, verdicts, strict=True)]
    assert found == BAD


def test_reasons_explain_and_the_row_is_kept_as_it_came(spark: SparkSession) -> None:
    (row,) = judged(spark, [{"value": "5.5"}])
    assert row.reasons == ["value_too_high: the value is above 5"]
    assert row.raw == "row 1"


def test_a_row_that_did_not_split_has_that_reason_only(spark: SparkSession) -> None:
    nothing = dict.fromkeys(GOOD)
    (row,) = judged(
        spark, [{**nothing, "problem": "wrong_field_count: expected 4 fields, found 3"}]
    )
    assert row.reasons == ["wrong_field_count: expected 4 fields, found 3"]


def test_a_row_without_a_line_is_kept_as_json(spark: SparkSession) -> None:
    (row,) = judged(spark, [{"raw": None, "value": "9"}])
    assert row.raw == '{"user":"u","item":"i","value":"9","time":"1000000000"}'


def test_accepted_rows_come_as_they_are(spark: SparkSession) -> None:
    rows = judged(
        spark,
        [
            {"user": "007", "item": 'a,"b"🙂'},  # nothing is normalised
            {"user": " u "},  # spaces around are part of the id
            {"user": "x" * 512},
            {"value": "0.5"},  # the bounds themselves
            {"value": " +5.0e0 "},
            {"time": ""},  # no time: always counts
            {"time": "2024-05-02T12:00:00Z"},  # exactly a day after the load
        ],
    )
    assert [row.reasons for row in rows] == [[]] * len(rows)
    assert {row.raw for row in rows} == {None}
    assert {row.event_type for row in rows} == {"rating"}
    assert (rows[0].user_id, rows[0].item_id, rows[1].user_id) == ("007", 'a,"b"🙂', " u ")
    assert [row.value for row in rows[3:5]] == [0.5, 5.0]
    assert rows[5].event_time is None


def test_without_a_value_column_a_value_is_not_missed(spark: SparkSession) -> None:
    (row,) = judged(spark, [{"value": None}], roles=("user", "item", "time"))
    assert (row.reasons, row.value) == ([], None)


def test_without_bounds_any_value_that_events_can_hold_is_right(spark: SparkSession) -> None:
    texts = ["-9e29", "9e29", "1e30", "-1e300", "1e999"]
    rows = judged(spark, [{"value": text} for text in texts], value_range=(None, None))
    assert [codes(row) for row in rows] == [
        *([], [], ["value_too_large"], ["value_too_large"], ["value_not_finite"])
    ]


def test_what_counts_is_how_large_a_value_is_once_scaled(spark: SparkSession) -> None:
    rows = judged(spark, [{"value": "1"}], value_range=(None, None), value_scale=(1e30, 0.0))
    assert codes(rows[0]) == ["value_too_large"]


def test_given_ids_types_and_versions(spark: SparkSession) -> None:
    rows = judged(
        spark,
        [
            {"event_id": "e1", "event_type": "click", "updated_at": "2020-01-01"},
            {"event_id": "", "event_type": "", "updated_at": "soon"},
            {"event_id": "e\0", "event_type": "x" * 513},
        ],
        roles=ROLES,
    )
    assert [codes(row) for row in rows] == [
        [],
        ["event_id_missing", "updated_at_unreadable"],
        ["event_id_has_nul", "event_type_too_long"],
    ]
    assert (rows[0].event_id, rows[0].event_type) == ("e1", "click")
    assert rows[1].event_type == "rating"  # none given


def test_a_blank_type_is_none_given(spark: SparkSession) -> None:
    rows: list[dict[str, Any]] = [{"event_type": " "}, {"event_type": "click"}, {}]
    roles: tuple[Role, ...] = ("user", "item", "value", "time", "event_type")
    allowed = judged(spark, rows, roles, event_types=("click", "rating"))
    assert [(row.reasons, row.event_type) for row in allowed] == [
        ([], "rating"),
        ([], "click"),
        ([], "rating"),
    ]
    clicks = judged(spark, rows, roles, event_types=("click",))
    assert [codes(row) for row in clicks] == [["event_type_unknown"], [], ["event_type_unknown"]]


def test_a_pattern_does_not_concern_times_of_a_type(spark: SparkSession) -> None:
    roles: tuple[Role, ...] = ("user", "item", "value", "time", "updated_at")
    rows = judged(
        spark,
        [
            {"time": "3.2.2001", "updated_at": "2001-02-04T00:00:00Z"},
            {"time": "2001-02-03", "updated_at": "4.2.2001"},
        ],
        roles,
        time_pattern="%d.%m.%Y",
        typed_times=frozenset({"updated_at"}),
    )
    assert rows[0].reasons == []
    assert rows[1].reasons == [
        "time_unreadable: it is not of the pattern %d.%m.%Y",
        "updated_at_unreadable: it is neither ISO 8601 nor a number in the configured format",
    ]


MOMENT = "2001-09-09T01:46:40.000000Z"  # second 1e9


TIMES: list[tuple[TimeFormat, str, str | None]] = [
    ("auto", "1000000000", MOMENT),  # seconds, milliseconds, microseconds
    ("auto", "1000000000000", MOMENT),
    ("auto", "1000000000000000", MOMENT),
    ("auto", "1e9", MOMENT),
    ("auto", "1000000000.25", "2001-09-09T01:46:40.250000Z"),
    ("auto", "2001-09-09 01:46:40", MOMENT),  # UTC where no zone is named
    ("auto", "2001-09-09T03:46:40+02:00", MOMENT),
    ("auto", " 2001-09-09 ", "2001-09-09T00:00:00.000000Z"),
    ("auto", "0", "1970-01-01T00:00:00.000000Z"),
    ("auto", "2019", "1970-01-01T00:33:39.000000Z"),  # a number is never a year
    ("iso", "2019", None),
    ("iso", "1000000000", None),
    ("auto", "10:30", None),  # Spark would take the day from the clock
    ("auto", "T10:30", None),
    ("auto", "2001-02-30", None),
    ("auto", "2001-09-09 25:00:00", None),
    ("auto", "1e30", None),
    ("auto", "NaN", None),
    ("auto", "now", None),
    ("seconds", "1000000000000", "33658-09-27T01:46:40.000000Z"),  # taken at its word
    ("seconds", "2001-09-09", None),
    ("millis", "1000000000000", MOMENT),
    ("millis", "1e300", None),
]


def test_times(spark: SparkSession) -> None:
    moments = [read_time(F.lit(text), time_format) for time_format, text, _ in TIMES]
    shown = [F.date_format(moment, "y-MM-dd'T'HH:mm:ss.SSSSSS'Z'") for moment in moments]
    found = spark.range(1).select(*shown).collect()[0]
    assert [(*given[:2], text) for given, text in zip(TIMES, found, strict=True)] == TIMES
