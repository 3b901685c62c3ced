"""Text of a time → timestamp."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from toplists.ingest.reading import TimeFormat

# Of the units that times are counted in, the numbers of the next 3,000 years do not overlap: what is
# below 1e11 is seconds, below 1e14 milliseconds, below 1e17 microseconds.
_SECONDS_BELOW = 1e11
_MILLIS_BELOW = 1e14
_MICROS_BELOW = 1e17
# Spark also reads "10:30", as a time of the current day, and "2019", as its first second.
_ISO_DATE = r"^\s*\d{4}-\d{2}-\d{2}"


def read_time(text: Column, time_format: TimeFormat) -> Column:
    """The timestamp that `text` stands for; null where it stands for none.

    Args:
        text: `string`, ISO 8601 (UTC unless it names a zone) or a number since 1970-01-01 UTC.
        time_format: Which of them; `auto` takes whatever is a number as such, by its size.
    """
    number = text.try_cast("double")
    iso = F.when(text.rlike(_ISO_DATE), text.try_cast("timestamp"))
    if time_format == "iso":
        return iso
    if time_format == "seconds":
        return _since_1970(number, 1e6)
    if time_format == "millis":
        return _since_1970(number, 1e3)
    size = F.abs(number)
    return (
        F.when(size < _SECONDS_BELOW, _since_1970(number, 1e6))
        .when(size < _MILLIS_BELOW, _since_1970(number, 1e3))
        .when(size < _MICROS_BELOW, _since_1970(number, 1.0))
        .when(number.isNull(), iso)
    )


def _since_1970(number: Column, micros: float) -> Column:
    return F.timestamp_micros(F.round(number * micros).try_cast("bigint"))
