"""Rows of Parquet files: typed columns → the same text that other formats hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as types

from toplists.config.ingest import ColumnSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import Role, find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.scanned import scanned_batch

_BATCH_ROWS = 131_072
_COARSE_UNITS = {"s": 1_000_000, "ms": 1_000}
_LAST_MICROS = 2**63 - 1
# Opening or decoding a file that is not what it says. ArrowInvalid is a ValueError.
_DAMAGE = (pa.ArrowException, OSError)


@dataclass(frozen=True)
class ParquetLayout:
    """Which column is which role, which times are typed (not text or numbers), rows per row group.

    `constants`: the text of roles that are the same in the whole file and not stored in it.
    """

    columns: Mapping[Role, str]
    typed_times: frozenset[Role]
    row_groups: tuple[int, ...]
    constants: Mapping[Role, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ParquetPiece:
    """One row group; its first row is row `first_line` (from 1) of the file."""

    file_number: int
    file: InputFile
    layout: ParquetLayout
    row_group: int
    first_line: int


def inspect_parquet(file: InputFile, chosen: ColumnSettings) -> ParquetLayout:
    """The layout of a Parquet file, from its footer.

    Raises:
        InputRefusedError: the file is no Parquet file, a column is missing, or has a type that cannot
            mean what it should.
    """
    metadata = _footer(file)
    columns, typed_times = find_typed_columns(metadata.schema.to_arrow_schema(), chosen, str(file))
    return ParquetLayout(columns, typed_times, _row_groups(metadata))


def count_row_groups(file: InputFile) -> tuple[int, ...]:
    """The number of rows in every row group of a Parquet file.

    Raises:
        InputRefusedError: the file is no Parquet file.
    """
    return _row_groups(_footer(file))


def find_typed_columns(
    schema: pa.Schema, chosen: ColumnSettings, where: str
) -> tuple[dict[Role, str], frozenset[Role]]:
    """The column of every role that has one, and the roles whose column is a time by its type.

    Raises:
        InputRefusedError: a column is missing, or has a type that cannot mean what it should.
    """
    positions = find_columns(schema.names, chosen, where)
    fields = {role: schema.field(at) for role, at in positions.items()}
    for role, column in fields.items():
        _require_type(role, column, where)
    return (
        {role: column.name for role, column in fields.items()},
        frozenset(role for role, column in fields.items() if types.is_temporal(column.type)),
    )


def read_parquet(piece: ParquetPiece) -> Iterator[pa.RecordBatch]:
    """The rows of `piece`, as batches of `SCANNED`; a column that the file lacks is null in it.

    Raises:
        InputRefusedError: the file is damaged.
    """
    columns, constants = piece.layout.columns, piece.layout.constants
    line = piece.first_line
    try:
        with open_parquet(piece.file.path) as opened:
            stored = set(columns.values()) & set(opened.schema_arrow.names)
            batches = opened.iter_batches(
                _BATCH_ROWS, row_groups=[piece.row_group], columns=sorted(stored)
            )
            for batch in with_instants(opened, batches):
                fields: dict[Role, pa.Array] = {
                    role: _as_text(batch.column(name))
                    for role, name in columns.items()
                    if name in stored
                }
                fields |= {
                    role: pa.array([text] * len(batch), pa.string())
                    for role, text in constants.items()
                }
                yield scanned_batch(
                    piece.file_number,
                    pa.array(np.arange(line, line + len(batch), dtype=np.int64)),
                    fields=fields,
                )
                line += len(batch)
    except _DAMAGE as damage:
        raise _damaged(piece.file, damage) from damage


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file, with INT96 in microseconds: nanoseconds end in 2262."""
    return pq.ParquetFile(path, coerce_int96_timestamp_unit="us")


def with_instants(
    opened: pq.ParquetFile, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """`batches` of a file from `open_parquet`, with the zone of INT96, which is UTC and not stored with it.

    Spark writes its timestamps so, unless told otherwise.
    """
    leaves = (opened.schema.column(at) for at in range(len(opened.schema)))
    instants = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
    for batch in batches:
        for name in instants:
            at = batch.schema.get_field_index(name)
            if at >= 0 and batch.column(at).type.tz is None:
                instant = batch.column(at).cast(pa.timestamp("us", "UTC"))
                batch = batch.set_column(at, name, instant)
        yield batch


def _footer(file: InputFile) -> pq.FileMetaData:
    try:
        return pq.read_metadata(file.path)
    except _DAMAGE as damage:
        raise _damaged(file, damage) from damage


def _row_groups(metadata: pq.FileMetaData) -> tuple[int, ...]:
    return tuple(metadata.row_group(at).num_rows for at in range(metadata.num_row_groups))


def _damaged(file: InputFile, damage: Exception) -> InputRefusedError:
    return InputRefusedError(
        f"{file} cannot be read as Parquet: {damage}. Expected a complete Parquet file; fetch it again."
    )


def _require_type(role: Role, column: pa.Field, where: str) -> None:
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    text = types.is_string(kind) or types.is_large_string(kind)
    whole = types.is_integer(kind) or (types.is_decimal(kind) and kind.scale == 0)
    fraction = types.is_floating(kind) or types.is_decimal(kind)
    moment = types.is_timestamp(kind) or types.is_date(kind)
    allowed, expected = {
        "user": (text or whole, "text or whole numbers"),
        "item": (text or whole, "text or whole numbers"),
        "event_id": (text or whole, "text or whole numbers"),
        "event_type": (text or whole, "text or whole numbers"),
        "value": (text or whole or fraction, "numbers"),
        "time": (text or whole or fraction or moment, "a time, a number or text"),
        "updated_at": (text or whole or fraction or moment, "a time, a number or text"),
    }[role]
    if not allowed:
        raise InputRefusedError(
            f"{where}: column {column.name} is of type {kind}, but as {role} it must be {expected}. "
            "Convert it where the file is made."
        )


def _as_text(array: pa.Array) -> pa.Array:
    """The text of every value, exact for whole numbers; times as ISO 8601.

    A time with a zone is shown in UTC and says so (`Z`); one without is shown as it is. One that
    microseconds cannot hold is shown as the number that it is, which is no time.
    """
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_timestamp(array.type):
        return _shown(array)
    if types.is_float16(array.type):
        array = array.cast(pa.float32())
    return array.cast(pa.string())


def _shown(moments: pa.TimestampArray) -> pa.StringArray:
    number = moments.cast(pa.int64())
    last = _LAST_MICROS // _COARSE_UNITS.get(moments.type.unit, 1)
    fits = pc.and_(pc.less_equal(number, last), pc.greater_equal(number, -last))
    # Finer than a microsecond cannot be kept; the clock time shown is that of UTC.
    micros = pc.if_else(fits, moments, None).cast(pa.timestamp("us", moments.type.tz), safe=False)
    text = micros.cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.string())
    if moments.type.tz is not None:
        text = pc.binary_join_element_wise(text, "Z", "")
    return pc.if_else(fits, text, number.cast(pa.string()))
