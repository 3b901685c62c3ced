"""Reading the pieces of a source in Spark tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from toplists.errors import InputRefusedError
from toplists.ingest.columns import ROLES
from toplists.ingest.parquet import read_parquet
from toplists.ingest.pieces import Piece, plan_pieces
from toplists.ingest.reading import EventInput
from toplists.ingest.scanned import refusal_batch
from toplists.ingest.text import TextPiece, count_lines, read_text

_SCANNED_DDL = (
    "file int, line bigint, raw string, problem string, "
    + ", ".join(f"{role} string" for role in ROLES)
    + ", refusal string"
)
_COUNTS = pa.schema([("piece", pa.int64()), ("lines", pa.int64()), ("refusal", pa.string())])


def scan(spark: SparkSession, inputs: Sequence[EventInput], piece_bytes: int) -> DataFrame:
    """The rows of `inputs`, one task per piece.

    Returns:
        `[file: int, line: long, raw, problem, <every role>, refusal: string]`, as described at
        `toplists.ingest.scanned.SCANNED`. A file that turns out to be damaged while it is read adds a
        row with a `refusal`: an exception in a task would be retried, and arrive wrapped.

    Raises:
        InputRefusedError: a file is damaged, found while counting its lines.
    """
    pieces = plan_pieces(inputs, partial(_count, spark), piece_bytes)
    return _one_task_each(spark, pieces).mapInArrow(partial(_read_pieces, pieces), _SCANNED_DDL)


def _one_task_each(spark: SparkSession, pieces: Sequence[Piece]) -> DataFrame:
    """`[id: long]`: the numbers of the pieces, each in a partition of its own."""
    return spark.range(0, len(pieces), 1, numPartitions=max(1, len(pieces)))


def _read_pieces(
    pieces: Sequence[Piece], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for at in _numbers(batches):
        piece = pieces[at]
        try:
            yield from read_text(piece) if isinstance(piece, TextPiece) else read_parquet(piece)
        except InputRefusedError as refused:
            yield refusal_batch(piece.file_number, piece.first_line, str(refused))


def _count(spark: SparkSession, pieces: Sequence[TextPiece]) -> list[int]:
    counted = _one_task_each(spark, pieces).mapInArrow(
        partial(_count_pieces, pieces), "piece bigint, lines bigint, refusal string"
    )
    rows = sorted(counted.collect(), key=lambda row: row.piece)
    for row in rows:
        if row.refusal:
            raise InputRefusedError(row.refusal)
    return [row.lines for row in rows]


def _count_pieces(
    pieces: Sequence[TextPiece], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for at in _numbers(batches):
        row: dict[str, object] = {"piece": at}
        try:
            row["lines"] = count_lines(pieces[at])
        except InputRefusedError as refused:
            row["refusal"] = str(refused)
        yield pa.RecordBatch.from_pylist([row], schema=_COUNTS)


def _numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        yield from batch.column(0).to_pylist()
