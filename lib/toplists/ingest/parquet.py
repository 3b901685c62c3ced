"""Rows of Parquet files: typed columns → the same text that other formats hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as types

from toplists.config.settings import ColumnSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import Role, find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.scanned import scanned_batch

_BATCH_ROWS = 131_072
# Opening or decoding a file that is not what it says. ArrowInvalid is a ValueError.
_DAMAGE = (pa.ArrowException, OSError)


@dataclass(frozen=True)
class ParquetLayout:
    """Which column is which role, which times are typed (not text or numbers), rows per row group."""

    columns: Mapping[Role, str]
    typed_times: frozenset[Role]
    row_groups: tuple[int, ...]


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
    try:
        metadata = pq.read_metadata(file.path)
    except _DAMAGE as damage:
        raise _damaged(file, damage) from damage
    schema = metadata.schema.to_arrow_schema()
    positions = find_columns(schema.names, chosen, str(file))
    fields = {role: schema.field(at) for role, at in positions.items()}
    for role, field in fields.items():
        _require_type(role, field, file)
    return ParquetLayout(
        columns={role: field.name for role, field in fields.items()},
        typed_times=frozenset(
            role for role, field in fields.items() if types.is_temporal(field.type)
        ),
        row_groups=tuple(metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)),
    )


def read_parquet(piece: ParquetPiece) -> Iterator[pa.RecordBatch]:
    """The rows of `piece`, as batches of `SCANNED`.

    Raises:
        InputRefusedError: the file is damaged.
    """
    columns = piece.layout.columns
    line = piece.first_line
    try:
        with pq.ParquetFile(piece.file.path) as opened:
            for batch in opened.iter_batches(
                _BATCH_ROWS, row_groups=[piece.row_group], columns=list(set(columns.values()))
            ):
                yield scanned_batch(
                    piece.file_number,
                    pa.array(np.arange(line, line + len(batch), dtype=np.int64)),
                    fields={role: _as_text(batch.column(name)) for role, name in columns.items()},
                )
                line += len(batch)
    except _DAMAGE as damage:
        raise _damaged(piece.file, damage) from damage


def _damaged(file: InputFile, damage: Exception) -> InputRefusedError:
    return InputRefusedError(
        f"{file} cannot be read as Parquet: {damage}. Expected a complete Parquet file; fetch it again."
    )


def _require_type(role: Role, field: pa.Field, file: InputFile) -> None:
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
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
            f"{file}: column {field.name} is of type {kind}, but as {role} it must be {expected}. "
            "Convert it where the file is made."
        )


def _as_text(array: pa.Array) -> pa.Array:
    """The text of every value, exact for whole numbers; times as ISO 8601 in UTC."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_timestamp(array.type):
        # Finer than a microsecond cannot be kept; the clock time shown is that of UTC.
        moments = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
        array = moments.cast(pa.int64()).cast(pa.timestamp("us"))
    if types.is_float16(array.type):
        array = array.cast(pa.float32())
    return array.cast(pa.string())
