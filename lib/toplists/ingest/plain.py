"""Rows that are plainly right: typed where they were read, without the checks of a Spark task.

Almost every row of a usual feed is written in the plainest way: its ids are there, its value is digits
with a point, its time is seconds or ISO 8601. What such text means is known without trying anything. All
other rows, the refused ones among them, are left to `toplists.ingest.checks`, which alone says what is
right; of the rows taken here it would say the same (`tests/ingest/test_plain.py` compares the two).
"""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from toplists.ingest.checks import DEFAULT_EVENT_TYPE, LONGEST_ID, NUL, WHITESPACE, WHOLE
from toplists.ingest.columns import Role
from toplists.ingest.rules import RowRules, TimeFormat
from toplists.ingest.times import MICROS, MILLIS_BELOW, SECONDS_BELOW
from toplists.lake.tables import VALUE_BELOW

# Rows that are accepted, each with what its text means. `event_id` is null where the source gives none.
ACCEPTED = pa.schema(
    [
        pa.field("file", pa.int32(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("element", pa.int64()),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("event_time", pa.timestamp("us", "UTC")),
        pa.field("updated_at", pa.timestamp("us", "UTC")),
        pa.field("event_id", pa.string()),
    ]
)

_Mask: TypeAlias = pa.BooleanArray

_NUMBER = r"^-?\d{1,18}(\.\d{1,18})?$"
_COUNTED = r"^\d{1,17}$"
# Only days and times of day that there are: Arrow casts all of a batch or nothing.
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    r"(?:\d{4}-(?:"
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    r"|02-(?:0[1-9]|1\d|2[0-8])"
    rf")|{_LEAP_YEAR}-02-29)"
)
_CLOCK = r"[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
_ISO = rf"^{_DAY}(?:{_CLOCK})?$"
_ISO_UTC = rf"^{_DAY}{_CLOCK}Z$"
# Up to here a number of microseconds is exact as a double, which others are read as.
_EXACT = 2**53


def take_plain(
    rows: pa.RecordBatch, rules: RowRules, latest: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Part the rows that are plainly right from all others.

    Args:
        rows: A batch of `toplists.ingest.scanned.SCANNED`.
        rules: Which roles have a column, how times are written, which values are allowed.
        latest: Microseconds since 1970; later times are refused.

    Returns:
        The plain rows as a batch of `ACCEPTED`, and the others as they came.
    """
    plain = pc.is_null(rows["problem"])
    if rules.missing:
        for role in rules.roles:
            told = pc.is_in(_trimmed(rows[role]), pa.array(rules.missing, pa.string()))
            plain = pc.and_(plain, pc.invert(told))
    kinds, plain_kinds = _read_types(rows["event_type"], rules)
    values, plain_values = _read_values(rows["value"], rules)
    moments, plain_moments = _read_times(rows["time"], rules, "time")
    versions, plain_versions = _read_times(rows["updated_at"], rules, "updated_at")
    in_time = pc.fill_null(pc.less_equal(moments, latest), True)
    for mask in (
        _plain_ids(rows, rules),
        plain_kinds,
        plain_values,
        plain_moments,
        in_time,
        plain_versions,
    ):
        plain = pc.and_(plain, mask)
    instant = ACCEPTED.field("event_time").type
    accepted = pa.RecordBatch.from_arrays(
        [
            rows["file"],
            rows["line"],
            rows["element"],
            rows["user"],
            rows["item"],
            kinds,
            values,
            moments.cast(instant),
            versions.cast(instant),
            rows["event_id"] if "event_id" in rules.roles else _nulls(rows, pa.string()),
        ],
        names=ACCEPTED.names,
    )
    if pc.all(plain).as_py() is not False:
        return accepted.cast(ACCEPTED), rows.slice(0, 0)
    return accepted.filter(plain).cast(ACCEPTED), rows.filter(pc.invert(plain))


def _plain_ids(rows: pa.RecordBatch, rules: RowRules) -> _Mask:
    roles: list[Role] = ["user", "item"]
    if "event_id" in rules.roles:
        roles.append("event_id")
    plain = _all(rows)
    for role in roles:
        text = rows[role]
        plain = pc.and_(plain, pc.and_(_given(text), _storable(text)))
        if role in rules.whole:
            plain = pc.and_(plain, _matches(text, WHOLE))
    return plain


def _read_types(text: pa.StringArray, rules: RowRules) -> tuple[pa.StringArray, _Mask]:
    if "event_type" not in rules.roles:
        kinds = pa.repeat(pa.scalar(DEFAULT_EVENT_TYPE), len(text))
    else:
        kinds = pc.fill_null(text, DEFAULT_EVENT_TYPE)
    plain = pc.and_(_given(kinds), _storable(kinds))
    if rules.event_types is not None:
        plain = pc.and_(plain, pc.is_in(kinds, pa.array(rules.event_types, pa.string())))
    return kinds, plain


def _read_values(text: pa.StringArray, rules: RowRules) -> tuple[pa.DoubleArray, _Mask]:
    if "value" not in rules.roles:
        return pa.nulls(len(text), pa.float64()), _all(text)
    if rules.decimal != ".":
        return pa.nulls(len(text), pa.float64()), pc.invert(_all(text))
    number = _matches(text, _NUMBER)
    values = pc.if_else(number, text, None).cast(pa.float64())
    plain = pc.or_(number, pc.is_null(text)) if rules.value_optional else number
    low, high = rules.value_range
    for bound, within in ((low, pc.greater_equal), (high, pc.less_equal)):
        if bound is not None:
            plain = pc.and_(plain, pc.fill_null(within(values, float(bound)), True))
    if rules.value_scale is not None:
        slope, offset = rules.value_scale
        values = pc.add(pc.multiply(values, slope), offset)
    small = pc.less(pc.abs(values), VALUE_BELOW)
    return values, pc.and_(plain, pc.fill_null(small, True))


def _read_times(text: pa.StringArray, rules: RowRules, role: Role) -> tuple[pa.Int64Array, _Mask]:
    """Microseconds since 1970 of every plain time, null where there is none; and which are plain."""
    nothing = pa.nulls(len(text), pa.int64())
    if role not in rules.roles:
        return nothing, _all(text)
    blank = pc.or_kleene(pc.is_null(text), pc.equal(text, ""))
    if rules.pattern_of(role) is not None:
        return nothing, blank
    time_format = rules.time_format if role == "time" else rules.version_format
    micros = nothing
    if time_format != "iso":
        micros = _counted(text, time_format)
    if time_format in ("auto", "iso") and micros.null_count:
        micros = pc.coalesce(micros, _iso(text, rules.time_zone))
    return micros, pc.or_(blank, pc.is_valid(micros))


def _counted(text: pa.StringArray, time_format: TimeFormat) -> pa.Int64Array:
    """Microseconds of the numbers that count something since 1970; null where it is not plain."""
    number = pc.if_else(_matches(text, _COUNTED), text, None).cast(pa.int64())
    if time_format == "auto":
        of_millis = pc.if_else(pc.less(number, int(MILLIS_BELOW)), MICROS["millis"], 1)
        factor = pc.if_else(pc.less(number, int(SECONDS_BELOW)), MICROS["seconds"], of_millis)
    else:
        factor = pa.scalar(MICROS[time_format])
    exact = pc.less_equal(number, pc.divide(pa.scalar(_EXACT), factor))
    return pc.multiply(pc.if_else(exact, number, None), factor)


def _iso(text: pa.StringArray, zone: str) -> pa.Int64Array:
    """Microseconds of ISO 8601 in UTC; null where it is not plain, or before 1970."""
    plain = _matches(text, _ISO_UTC)
    if zone == "UTC":
        plain = pc.or_(plain, _matches(text, _ISO))
    if not pc.any(plain).as_py():
        return pa.nulls(len(text), pa.int64())
    shown = pc.utf8_rtrim(pc.if_else(plain, text, None), "Z")
    micros = shown.cast(pa.timestamp("us")).cast(pa.int64())
    return pc.if_else(pc.greater_equal(micros, 0), micros, None)


def _given(text: pa.StringArray) -> _Mask:
    return pc.fill_null(pc.greater(pc.binary_length(_trimmed(text)), 0), False)


def _storable(text: pa.StringArray) -> _Mask:
    """Whether it is neither too long nor contains a NUL; nulls are."""
    fits = pc.less_equal(pc.utf8_length(text), LONGEST_ID)
    return pc.fill_null(pc.and_(fits, pc.invert(pc.match_substring(text, NUL))), True)


def _matches(text: pa.StringArray, pattern: str) -> _Mask:
    return pc.fill_null(pc.match_substring_regex(text, pattern), False)


def _trimmed(text: pa.StringArray) -> pa.StringArray:
    return pc.ascii_trim(text, WHITESPACE)


def _all(rows: pa.RecordBatch | pa.Array) -> _Mask:
    return pa.repeat(pa.scalar(True), len(rows))


def _nulls(rows: pa.RecordBatch, kind: pa.DataType) -> pa.Array:
    return pa.nulls(len(rows), kind)
