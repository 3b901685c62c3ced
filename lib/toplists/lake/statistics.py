"""What Delta's log says of the columns of a file, for readers to skip files by."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

_MICROS_PER_SECOND = 1_000_000
# What four digits of a year can say, in seconds since 1970; readers understand no other year.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_798


def file_statistics(rows: pa.Table) -> dict[str, Any]:
    """Statistics of a file with `rows`, as Delta's log holds them: complete, or none but the number of rows.

    delta-rs takes a bound that is missing for a null, to which nothing compares, and so skips the file for
    every condition on that column. So bounds are given for every column that has a value; where a time
    cannot be written as a bound, for none.

    Args:
        rows: Columns of text, numbers (no NaN), dates and timestamps in microseconds; none nested.
    """
    if not all(_has_bounds(column) for column in rows.columns):
        return {"numRecords": len(rows)}
    low: dict[str, str | float] = {}
    high: dict[str, str | float] = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if column.null_count < len(column):
            low[name], high[name] = _bounds(column)
    nulls: dict[str, int] = {name: rows[name].null_count for name in rows.column_names}
    return {"numRecords": len(rows), "minValues": low, "maxValues": high, "nullCount": nulls}


def _has_bounds(column: pa.ChunkedArray) -> bool:
    if not types.is_timestamp(column.type):
        return True
    micros = pc.min_max(column.cast(pa.int64())).as_py()
    return micros["min"] is None or (
        micros["min"] >= _FIRST_SECOND * _MICROS_PER_SECOND
        and micros["max"] <= _LAST_SECOND * _MICROS_PER_SECOND
    )


def _bounds(column: pa.ChunkedArray) -> tuple[str | float, str | float]:
    kind = column.type
    if types.is_timestamp(kind):
        micros = pc.min_max(column.cast(pa.int64())).as_py()
        # In milliseconds: what is finer lies between them.
        return _millis(micros["min"] // 1000), _millis(-(-micros["max"] // 1000))
    found = pc.min_max(column).as_py()
    low, high = found["min"], found["max"]
    if types.is_date(kind):
        return low.isoformat(), high.isoformat()
    if types.is_floating(kind):
        # Some readers order -0.0 before 0.0.
        return (-0.0 if low == 0 else low), (0.0 if high == 0 else high)
    return low, high


def _millis(millis: int) -> str:
    shown: str = pa.scalar(millis, pa.timestamp("ms")).cast(pa.string()).as_py()
    return shown.replace(" ", "T") + "Z"
