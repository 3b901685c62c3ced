"""Text of a time → timestamp."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from toplists.ingest.rules import TimeFormat

# Of the units that times are counted in, the numbers of the next 3,000 years do not overlap: what is
# below 1e11 is seconds, below 1e14 milliseconds, below 1e17 microseconds.
SECONDS_BELOW = 1e11
MILLIS_BELOW = 1e14
_MICROS_BELOW = 1e17
MICROS: Mapping[TimeFormat, int] = {"seconds": 1_000_000, "millis": 1_000, "micros": 1}
"""Microseconds of one of each unit."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Spark also reads "10:30", as a time of the current day, and "2019", as its first second.
_ISO_DATE = r"^\s*\d{4}-\d{2}-\d{2}"
_NO_ZONE = _ISO_DATE + r"([ T]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d*)?)?)?\s*$"
# strftime directive → letter of a Spark pattern, and how often it stands for a fixed width.
_LETTERS = {
    "%Y": ("y", 4),
    "%y": ("y", 2),
    "%m": ("M", 2),
    "%b": ("M", 3),
    "%d": ("d", 2),
    "%H": ("H", 2),
    "%I": ("h", 2),
    "%p": ("a", 1),
    "%M": ("m", 2),
    "%S": ("s", 2),
    "%f": ("S", 6),
    "%z": ("X", 3),
}
# One letter takes one digit or two: "1/2/2024" is as right as "01/02/2024".
_OF_ANY_WIDTH = frozenset({"%m", "%d", "%H", "%I", "%M", "%S"})


def read_time(
    text: Column, time_format: TimeFormat, zone: str = "UTC", pattern: str | None = None
) -> Column:
    """The timestamp that `text` stands for; null where it stands for none.

    Args:
        text: `string`, ISO 8601, a number since 1970-01-01 UTC, or text of `pattern`.
        time_format: Which of the first two; `auto` takes whatever is a number as such, by its size.
        zone: Zone of a time that names none.
        pattern: strftime-like pattern that all times are written in.
    """
    if pattern is not None:
        moment = F.try_to_timestamp(F.trim(text), F.lit(spark_pattern(pattern)))
        return moment if "%z" in pattern else _of_zone(moment, zone)
    number = text.try_cast("double")
    iso = F.when(text.rlike(_ISO_DATE), text.try_cast("timestamp"))
    if zone != "UTC":
        iso = F.when(text.rlike(_NO_ZONE), _of_zone(iso, zone)).otherwise(iso)
    if time_format == "iso":
        return iso
    if time_format != "auto":
        return _since_1970(number, MICROS[time_format])
    size = F.abs(number)
    return (
        F.when(size < SECONDS_BELOW, _since_1970(number, MICROS["seconds"]))
        .when(size < MILLIS_BELOW, _since_1970(number, MICROS["millis"]))
        .when(size < _MICROS_BELOW, _since_1970(number, MICROS["micros"]))
        .when(number.isNull(), iso)
    )


def spark_pattern(pattern: str) -> str:
    """The Spark datetime pattern of a strftime-like one; `tests/ingest/test_times.py` has examples."""
    parts = re.findall(r"%.|[^%]+", pattern)
    directive = [part in _LETTERS for part in parts]
    written = []
    for at, part in enumerate(parts):
        if not directive[at]:
            written.append("'" + part.replace("'", "''") + "'")
            continue
        letter, width = _LETTERS[part]
        # Digits that touch other digits have to have their full width.
        touches = (at > 0 and directive[at - 1]) or any(directive[at + 1 : at + 2])
        written.append(letter if part in _OF_ANY_WIDTH and not touches else letter * width)
    return "".join(written)


def _of_zone(moment: Column, zone: str) -> Column:
    return moment if zone == "UTC" else F.to_utc_timestamp(moment, zone)


def _since_1970(number: Column, micros: int) -> Column:
    return F.timestamp_micros(F.round(number * micros).try_cast("bigint"))
