"""Judging rows: what is wrong with each, if anything."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from toplists.ingest.columns import ROLES
from toplists.ingest.reading import RowRules
from toplists.ingest.times import read_time

LONGEST_ID = 512
DEFAULT_EVENT_TYPE = "rating"
_FUTURE_TOLERANCE = timedelta(days=1)
_WHITESPACE = " \t\r\n\v\f"
_NUL = "\0"
# Spark's own cast also takes Java's "4d" and "0x1p3".
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_NOT_FINITE = r"(?i)^\s*[+-]?(nan|inf|infinity)\s*$"


def judge(rows: DataFrame, rules: RowRules, loaded_at: datetime) -> DataFrame:
    """Read the text of every row and list everything that is wrong with it.

    Args:
        rows: `[file, line, raw, problem, <every role>, refusal]` of `toplists.ingest.scan`.
        rules: Which roles have a column, how times are written, which values are allowed.
        loaded_at: Moment of the load; times may be at most a day after it.

    Returns:
        `[file: int, line: long, refusal: string, raw: string, reasons: array<string>, user_id: string,
        item_id: string, event_type: string, value: double, event_time: timestamp,
        updated_at: timestamp, event_id: string]`. `reasons` (`code: explanation`) is empty for a row
        that is accepted. `raw` is the row as it came, kept where there are reasons. `event_id` is null
        where the source gives none.
    """
    # A null in the plan, not in the rows: Spark drops whatever is computed from it.
    absent: dict[str, Column] = {
        role: F.lit(None).cast("string") for role in ROLES if role not in rules.roles
    }
    read = rows.withColumns(absent).select(
        "*",
        F.when(F.col("value").rlike(_NUMBER), F.col("value").try_cast("double")).alias("number"),
        read_time(F.col("time"), rules.time_format).alias("event_time"),
        read_time(F.col("updated_at"), rules.version_format).alias("version"),
    )
    judged = read.withColumn("reasons", _reasons(rules, loaded_at))
    given_type = F.when(~_is_missing(F.col("event_type")), F.col("event_type"))
    return judged.select(
        "file",
        "line",
        "refusal",
        F.when(F.size("reasons") > 0, _raw()).alias("raw"),
        "reasons",
        F.col("user").alias("user_id"),
        F.col("item").alias("item_id"),
        F.coalesce(given_type, F.lit(DEFAULT_EVENT_TYPE)).alias("event_type"),
        F.col("number").alias("value"),
        "event_time",
        F.col("version").alias("updated_at"),
        "event_id",
    )


def _reasons(rules: RowRules, loaded_at: datetime) -> Column:
    checks = [*_id_checks(rules), *_value_checks(rules), *_time_checks(loaded_at)]
    found = [F.when(failed, F.lit(reason)) for reason, failed in checks]
    # A row that did not split into its fields has nothing else to be judged.
    return F.when(F.col("problem").isNotNull(), F.array("problem")).otherwise(
        F.array_compact(F.array(*found))
    )


def _id_checks(rules: RowRules) -> list[tuple[str, Column]]:
    checks = [
        ("user_missing: the user id is empty", _is_missing(F.col("user"))),
        ("item_missing: the item id is empty", _is_missing(F.col("item"))),
    ]
    if "event_id" in rules.roles:
        checks.append(("event_id_missing: the event id is empty", _is_missing(F.col("event_id"))))
    for role in ("user", "item", "event_id", "event_type"):
        text = F.col(role)
        checks += [
            (f"{role}_has_nul: it contains a NUL character", text.contains(F.lit(_NUL))),
            (
                f"{role}_too_long: it is longer than {LONGEST_ID} characters",
                F.length(text) > LONGEST_ID,
            ),
        ]
    return checks


def _value_checks(rules: RowRules) -> list[tuple[str, Column]]:
    if "value" not in rules.roles:
        return []
    text, number = F.col("value"), F.col("number")
    infinite = text.rlike(_NOT_FINITE) | (F.abs(number) == float("inf"))
    checks = [
        ("value_missing: the value is empty", _is_missing(text)),
        ("value_not_finite: the value is not a finite number", infinite),
        (
            "value_not_a_number: the value is not a number",
            number.isNull() & ~_is_missing(text) & ~text.rlike(_NOT_FINITE),
        ),
    ]
    low, high = rules.value_range
    if low is not None:
        checks.append((f"value_too_low: the value is below {low:g}", number < low))
    if high is not None:
        above = (number > high) & (number < float("inf"))
        checks.append((f"value_too_high: the value is above {high:g}", above))
    return checks


def _time_checks(loaded_at: datetime) -> list[tuple[str, Column]]:
    moment = F.col("event_time")
    latest = loaded_at + _FUTURE_TOLERANCE
    unread = "it is neither ISO 8601 nor a number in the configured format"
    return [
        (f"time_unreadable: {unread}", moment.isNull() & ~_is_missing(F.col("time"))),
        ("time_too_early: it is before 1970-01-01", moment < F.timestamp_micros(F.lit(0))),
        ("time_in_future: it is more than a day after the load", moment > F.lit(latest)),
        (
            f"updated_at_unreadable: {unread}",
            F.col("version").isNull() & ~_is_missing(F.col("updated_at")),
        ),
    ]


def _is_missing(text: Column) -> Column:
    return text.isNull() | (F.length(F.btrim(text, F.lit(_WHITESPACE))) == 0)


def _raw() -> Column:
    """The line without its newline; for a format without lines, the row as JSON."""
    line = F.regexp_replace("raw", "\r?\n$", "")
    return F.coalesce(line, F.to_json(F.struct(*ROLES)))
