"""Reading the pieces of a source in Spark tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from toplists.errors import InputRefusedError
from toplists.ingest.columns import ROLES
from toplists.ingest.formats import Piece, read_piece
from toplists.ingest.lines import Survey, TextPiece, survey
from toplists.ingest.pieces import plan_pieces, share_out
from toplists.ingest.reading import EventInput
from toplists.ingest.scanned import refusal_batch

SCANNED_DDL = (
    "file int, line bigint, element bigint, raw string, problem string, "
    + ", ".join(f"{role} string" for role in ROLES)
    + ", refusal string"
)
_SURVEYS = pa.schema(
    [
        ("piece", pa.int64()),
        ("lines", pa.int64()),
        ("section", pa.string()),
        ("refusal", pa.string()),
    ]
)


def scan(spark: SparkSession, inputs: Sequence[EventInput], piece_bytes: int) -> DataFrame:
    """The rows of `inputs`, one task per piece, or for several small ones.

    Returns:
        `[file: int, line: long, element: long, raw, problem, <every role>, refusal: string]`, as
        described at `toplists.ingest.scanned.SCANNED`. A file that turns out to be damaged while it is
        read adds a row with a `refusal`: an exception in a task would be retried, and arrive wrapped.

    Raises:
        InputRefusedError: a file is damaged, found while counting its lines.
    """
    pieces = plan_pieces(inputs, partial(_survey, spark), piece_bytes)
    shares = share_out(pieces, piece_bytes)
    tasks = _one_task_each(spark, len(shares))
    return tasks.mapInArrow(partial(_read_shares, pieces, shares), SCANNED_DDL)


def _one_task_each(spark: SparkSession, count: int) -> DataFrame:
    """`[id: long]`: the numbers from 0 on, each in a partition of its own."""
    return spark.range(0, count, 1, numPartitions=max(1, count))


def _read_shares(
    pieces: Sequence[Piece], shares: Sequence[range], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for at in (at for share in _numbers(batches) for at in shares[share]):
        piece = pieces[at]
        try:
            yield from read_piece(piece)
        except InputRefusedError as refused:
            yield refusal_batch(piece.file_number, piece.first_line, str(refused))


def _survey(spark: SparkSession, pieces: Sequence[TextPiece]) -> list[Survey]:
    surveyed = _one_task_each(spark, len(pieces)).mapInArrow(
        partial(_survey_pieces, pieces),
        "piece bigint, lines bigint, section string, refusal string",
    )
    rows = sorted(surveyed.collect(), key=lambda row: row.piece)
    for row in rows:
        if row.refusal:
            raise InputRefusedError(row.refusal)
    return [Survey(row.lines, row.section) for row in rows]


def _survey_pieces(
    pieces: Sequence[TextPiece], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for at in _numbers(batches):
        row: dict[str, object] = {"piece": at}
        try:
            found = survey(pieces[at])
            row |= {"lines": found.lines, "section": found.section}
        except InputRefusedError as refused:
            row["refusal"] = str(refused)
        yield pa.RecordBatch.from_pylist([row], schema=_SURVEYS)


def _numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    for batch in batches:
        yield from batch.column(0).to_pylist()
