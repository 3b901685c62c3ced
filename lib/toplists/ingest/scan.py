"""Reading the pieces of a source: rows that are plainly right are staged at once, others are judged.

In Spark tasks, or, where there are few rows, in this process: a Spark session takes longer to start than
a day's events take to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from toplists.engine.tasks import run_tasks
from toplists.errors import InputRefusedError
from toplists.ingest.batch import Batch
from toplists.ingest.checks import latest_time
from toplists.ingest.columns import ROLES
from toplists.ingest.formats import Piece, read_piece
from toplists.ingest.lines import Survey, TextPiece, survey
from toplists.ingest.pieces import plan_pieces, share_out
from toplists.ingest.plain import ACCEPTED, take_plain
from toplists.ingest.scanned import note_batch, refusal_batch
from toplists.ingest.source import SourceKind
from toplists.ingest.staging import Stage, StagedFile

SCANNED_DDL = (
    "file int, line bigint, element bigint, raw string, problem string, "
    + ", ".join(f"{role} string" for role in ROLES)
    + ", refusal string, staged string"
)
_LEFT_DDL = (
    "file int, line bigint, element bigint, refusal string, raw string, reasons array<string>, "
    "staged string"
)
_LEFT = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("element", pa.int64()),
        ("refusal", pa.string()),
        ("raw", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("staged", pa.string()),
    ]
)
_SURVEYS = pa.schema(
    [
        ("piece", pa.int64()),
        ("lines", pa.int64()),
        ("section", pa.string()),
        ("refusal", pa.string()),
    ]
)


def scan(
    spark: SparkSession, batch: Batch, piece_bytes: int, loaded_at: datetime, folder: Path
) -> DataFrame:
    """Read a batch, one task per piece, or for several small ones, and stage what is plainly right.

    Args:
        spark: The session.
        batch: The files with events, and what their rows must satisfy.
        piece_bytes: Size of the pieces that plain text files are cut into.
        loaded_at: Moment of the load.
        folder: Where rows are staged; every executor sees it.

    Returns:
        The rows that are to be judged: `[file: int, line: long, element: long, raw, problem, <every
        role>, refusal, staged: string]`, as described at `toplists.ingest.scanned.SCANNED`. A file that
        turns out to be damaged while it is read adds a row with a `refusal`: an exception in a task
        would be retried, and arrive wrapped.

    Raises:
        InputRefusedError: a file is damaged, found while counting its lines.
    """
    pieces = plan_pieces(batch.events, partial(_survey, spark), piece_bytes)
    shares = [[pieces[at] for at in share] for share in share_out(pieces, piece_bytes)]
    latest, target = latest_time(loaded_at), str(folder)
    rules, source = batch.row_rules, batch.source.kind

    def read(share: Sequence[Piece]) -> Iterator[pa.RecordBatch]:
        with Stage(target, "plain", source) as stage:
            for piece in share:
                try:
                    for rows in read_piece(piece):
                        plain, others = take_plain(rows, rules, latest)
                        stage.add(plain)
                        if len(others):
                            yield others
                except InputRefusedError as refused:
                    yield refusal_batch(piece.file_number, piece.first_line, str(refused))
        yield note_batch(stage.close().to_json())

    return run_tasks(spark, shares, read, SCANNED_DDL)


def scan_here(
    batch: Batch, piece_bytes: int, loaded_at: datetime, folder: Path
) -> StagedFile | None:
    """As `scan`, in this process and without Spark; `None` if a row is to be judged.

    Raises:
        InputRefusedError: a file is damaged.
    """
    latest, rules = latest_time(loaded_at), batch.row_rules
    with Stage(str(folder), "here", batch.source.kind) as stage:
        for piece in plan_pieces(batch.events, _survey_here, piece_bytes):
            for rows in read_piece(piece):
                plain, others = take_plain(rows, rules, latest)
                if len(others):
                    return None
                stage.add(plain)
    return stage.close()


def stage_accepted(judged: DataFrame, source: SourceKind, folder: Path) -> DataFrame:
    """Stage the rows that were judged right.

    Args:
        judged: As `toplists.ingest.checks.judge` returns them.
        source: Kind of the source.
        folder: Where rows are staged; every executor sees it.

    Returns:
        The refused rows, and notes of what was `staged`: `[file: int, line: long, element: long,
        refusal, raw: string, reasons: array<string>, staged: string]`
    """
    target = str(folder)

    def part(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Stage(target, "judged", source) as stage:
            for batch in batches:
                wrong = pc.greater(pc.list_value_length(batch["reasons"]), 0)
                accepted = batch.filter(pc.invert(wrong)).select(ACCEPTED.names)
                stage.add(accepted.cast(ACCEPTED))
                refused = batch.filter(wrong)
                if len(refused):
                    yield refused.select(_LEFT.names).cast(_LEFT)
        note = {"file": -1, "line": 0, "reasons": [], "staged": stage.close().to_json()}
        yield pa.RecordBatch.from_pylist([note], schema=_LEFT)

    return judged.mapInArrow(part, _LEFT_DDL)


def _survey(spark: SparkSession, pieces: Sequence[TextPiece]) -> list[Survey]:
    surveyed = run_tasks(
        spark,
        list(enumerate(pieces)),
        _survey_piece,
        "piece bigint, lines bigint, section string, refusal string",
    )
    rows = sorted(surveyed.collect(), key=lambda row: row.piece)
    for row in rows:
        if row.refusal:
            raise InputRefusedError(row.refusal)
    return [Survey(row.lines, row.section) for row in rows]


def _survey_here(pieces: Sequence[TextPiece]) -> list[Survey]:
    return [survey(piece) for piece in pieces]


def _survey_piece(numbered: tuple[int, TextPiece]) -> Iterator[pa.RecordBatch]:
    at, piece = numbered
    row: dict[str, object] = {"piece": at}
    try:
        found = survey(piece)
        row |= {"lines": found.lines, "section": found.section}
    except InputRefusedError as refused:
        row["refusal"] = str(refused)
    yield pa.RecordBatch.from_pylist([row], schema=_SURVEYS)
