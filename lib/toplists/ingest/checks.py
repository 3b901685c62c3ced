"""Judging rows: what is wrong with each, if anything."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from toplists.ingest.columns import ROLES, Role
from toplists.ingest.rules import RowRules
from toplists.ingest.times import EPOCH, read_time
from toplists.lake.tables import VALUE_BELOW

LONGEST_ID = 512
DEFAULT_EVENT_TYPE = "rating"
_FUTURE_TOLERANCE = timedelta(days=1)
WHITESPACE = " \t\r\n\v\f"
NUL = "\0"
WHOLE = r"^-?\d+$"
# Spark's own cast also takes Java's "4d" and "0x1p3".
_NUMBER = r"^\s*[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?\s*$"
_DAY = r"^\d{4}-\d{2}-\d{2}"
_DAY_LENGTH = 10
_NOT_FINITE = r"(?i)^\s*[+-]?(nan|inf|infinity)\s*$"


def latest_time(loaded_at: datetime) -> int:
    """The latest time that an event may have, in microseconds since 1970."""
    return (loaded_at + _FUTURE_TOLERANCE - EPOCH) // timedelta(microseconds=1)


def judge(rows: DataFrame, rules: RowRules, loaded_at: datetime) -> DataFrame:
    """Read the text of every row and list everything that is wrong with it.

    Args:
        rows: `[file, line, element, raw, problem, <every role>, refusal, staged]` of `toplists.ingest.scan`,
            without the two kinds that are not of the input.
        rules: Which roles have a column, how times are written, which values are allowed.
        loaded_at: Moment of the load; times may be at most a day after it.

    Returns:
        `[file: int, line: long, element: long, refusal: string, raw: string, reasons: array<string>, user_id: string,
        item_id: string, event_type: string, value: double, event_time: timestamp,
        updated_at: timestamp, event_id: string, staged: string]`. `reasons` (`code: explanation`) is empty for a row
        that is accepted. `raw` is the row as it came, kept where there are reasons. `event_id` is null
        where the source gives none.
    """
    # A null in the plan, not in the rows: Spark drops whatever is computed from it.
    absent: dict[str, Column] = {
        role: F.lit(None).cast("string") for role in ROLES if role not in rules.roles
    }
    found = rows.withColumns(absent)
    if rules.missing:
        # A row without a line is kept as its fields were before this.
        found = found.withColumn("raw", _raw())
        found = found.withColumns({role: _unless_missing(role, rules) for role in rules.roles})
    zone = rules.time_zone
    read = found.select(
        "*",
        _number(rules).alias("number"),
        read_time(F.col("time"), rules.time_format, zone, rules.pattern_of("time")).alias(
            "event_time"
        ),
        read_time(
            F.col("updated_at"), rules.version_format, zone, rules.pattern_of("updated_at")
        ).alias("version"),
    )
    judged = read.withColumn("reasons", _reasons(rules, loaded_at))
    return judged.select(
        "file",
        "line",
        "element",
        "refusal",
        F.when(F.size("reasons") > 0, _raw()).alias("raw"),
        "reasons",
        F.col("user").alias("user_id"),
        F.col("item").alias("item_id"),
        _event_type().alias("event_type"),
        _scaled(rules).alias("value"),
        "event_time",
        F.col("version").alias("updated_at"),
        "event_id",
        "staged",
    )


def _reasons(rules: RowRules, loaded_at: datetime) -> Column:
    checks = [*_id_checks(rules), *_value_checks(rules), *_time_checks(rules, loaded_at)]
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
            (f"{role}_has_nul: it contains a NUL character", text.contains(F.lit(NUL))),
            (
                f"{role}_too_long: it is longer than {LONGEST_ID} characters",
                F.length(text) > LONGEST_ID,
            ),
        ]
    checks += [
        (
            f"{role}_not_whole: it is declared a whole number and is none",
            ~_is_missing(F.col(role)) & ~F.col(role).rlike(WHOLE),
        )
        for role in sorted(rules.whole)
    ]
    if rules.event_types is not None:
        unknown = ~_event_type().isin(list(rules.event_types))
        checks.append(("event_type_unknown: it is none of ingest.event_types", unknown))
    return checks


def _value_checks(rules: RowRules) -> list[tuple[str, Column]]:
    if "value" not in rules.roles:
        return []
    text, number = F.col("value"), F.col("number")
    infinite = text.rlike(_NOT_FINITE) | (F.abs(number) == float("inf"))
    checks = [
        ("value_not_finite: the value is not a finite number", infinite),
        (
            "value_not_a_number: the value is not a number",
            number.isNull() & ~_is_missing(text) & ~text.rlike(_NOT_FINITE),
        ),
    ]
    if not rules.value_optional:
        checks.insert(0, ("value_missing: the value is empty", _is_missing(text)))
    low, high = rules.value_range
    if low is not None:
        checks.append((f"value_too_low: the value is below {low:g}", number < low))
    if high is not None:
        above = (number > high) & (number < float("inf"))
        checks.append((f"value_too_high: the value is above {high:g}", above))
    large = (F.abs(_scaled(rules)) >= VALUE_BELOW) & ~infinite
    checks.append((f"value_too_large: the value is {VALUE_BELOW:g} or more, or as negative", large))
    return checks


def _time_checks(rules: RowRules, loaded_at: datetime) -> list[tuple[str, Column]]:
    text, moment = F.col("time"), F.col("event_time")
    latest = latest_time(loaded_at)
    # Written as a day should be, and yet none: 30 February, 31 November.
    impossible = text.rlike(_DAY) & text.substr(1, _DAY_LENGTH).try_cast("date").isNull()
    unreadable = moment.isNull() & ~_is_missing(text)
    return [
        ("time_impossible: there is no such day", unreadable & impossible),
        (f"time_unreadable: {_unread(rules, 'time')}", unreadable & ~impossible),
        ("time_too_early: it is before 1970-01-01", moment < F.timestamp_micros(F.lit(0))),
        ("time_in_future: it is more than a day after the load", F.unix_micros(moment) > latest),
        (
            f"updated_at_unreadable: {_unread(rules, 'updated_at')}",
            F.col("version").isNull() & ~_is_missing(F.col("updated_at")),
        ),
    ]


def _unread(rules: RowRules, role: Role) -> str:
    pattern = rules.pattern_of(role)
    if pattern is None:
        return "it is neither ISO 8601 nor a number in the configured format"
    return f"it is not of the pattern {pattern}"


def _number(rules: RowRules) -> Column:
    """The value as a number; null where it is none."""
    text = F.col("value")
    is_number = text.rlike(_NUMBER.format(f"[{rules.decimal}]"))
    plain = text if rules.decimal == "." else F.translate(text, rules.decimal, ".")
    return F.when(is_number, plain.try_cast("double"))


def _scaled(rules: RowRules) -> Column:
    if rules.value_scale is None:
        return F.col("number")
    slope, offset = rules.value_scale
    return F.col("number") * F.lit(slope) + F.lit(offset)


def _unless_missing(role: str, rules: RowRules) -> Column:
    text = F.col(role)
    told = F.btrim(text, F.lit(WHITESPACE)).isin(list(rules.missing))
    return F.when(~told, text)


def _event_type() -> Column:
    given = F.when(~_is_missing(F.col("event_type")), F.col("event_type"))
    return F.coalesce(given, F.lit(DEFAULT_EVENT_TYPE))


def _is_missing(text: Column) -> Column:
    return text.isNull() | (F.length(F.btrim(text, F.lit(WHITESPACE))) == 0)


def _raw() -> Column:
    """The line without its newline; for a format without lines, the row as JSON."""
    line = F.regexp_replace("raw", "\r?\n$", "")
    return F.coalesce(line, F.to_json(F.struct(*ROLES)))
