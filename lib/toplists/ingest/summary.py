"""What a load amounts to before anything is written, and whether it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.errors import InputRefusedError, excerpt
from toplists.ingest.batch import Batch
from toplists.ingest.digests import looks_of
from toplists.ingest.recognition import Part
from toplists.ingest.staging import StagedFile

_EXAMPLES = 3
# Characters of an example that come to the driver; more than a message shows.
_SHIPPED = 1000


@dataclass(frozen=True)
class Summary:
    """Counts of the rows of an input, and the files in which the accepted ones are staged."""

    rejected: int
    staged: Sequence[StagedFile]

    @property
    def accepted(self) -> int:
        """Rows that were accepted, copies of one event included."""
        return sum(one.rows for one in self.staged)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.accepted + self.rejected


@dataclass(frozen=True)
class Tally:
    """What a pass over rows comes to: how many are `left`, and the files in which the others are staged."""

    left: int
    staged: tuple[StagedFile, ...]


def tally(rows: DataFrame) -> Tally:
    """Count what a scan or the judgement has left, in one pass.

    Args:
        rows: `[file: int, line: long, refusal, staged: string, …]`. What a scan leaves is to be judged;
            what the judgement leaves is refused.

    Raises:
        InputRefusedError: a file turned out to be damaged.
    """
    refusal, staged = F.col("refusal"), F.col("staged")
    found = rows.agg(
        F.count_if(refusal.isNull() & staged.isNull()).alias("left"),
        F.collect_list("staged").alias("staged"),
        F.min(F.when(refusal.isNotNull(), F.struct("file", "line", "refusal"))).alias("refused"),
    ).collect()[0]
    if found.refused is not None:
        raise InputRefusedError(found.refused.refusal)
    return Tally(found.left, tuple(map(StagedFile.from_json, found.staged)))


def require_rows(summary: Summary, batch: Batch) -> None:
    """Refuse an input without rows.

    Raises:
        InputRefusedError: it has none.
    """
    if summary.rows == 0:
        raise InputRefusedError(f"{batch.source.path} has no rows. Expected at least one event.")


def require_unchanged(parts: Sequence[Part]) -> None:
    """Refuse parts that are not what they were when their digests were taken: known as one, read as another.

    Raises:
        InputRefusedError: a file changed, or is gone.
    """
    for part in parts:
        for path, looks in part.looks.items():
            if looks_of(path) != looks:
                raise InputRefusedError(
                    f"{path} changed while it was read; nothing was taken in. Run the command again "
                    "when it is complete."
                )


def require_enough(
    summary: Summary, rows: DataFrame, batch: Batch, max_rejected_share: float
) -> None:
    """Refuse an input with too many refused rows; show what is wrong with them.

    Args:
        summary: The counts.
        rows: The refused rows, and notes without reasons.
        batch: Where the rows came from.
        max_rejected_share: Share of refused rows that is still allowed.

    Raises:
        InputRefusedError: the whole input is refused.
    """
    source = batch.source
    if summary.rejected <= max_rejected_share * summary.rows:
        return
    refused = rows.where(F.size("reasons") > 0)
    by_code = (
        refused.select(F.explode("reasons").alias("reason"))
        .groupBy(F.substring_index("reason", ":", 1).alias("code"))
        .count()
        .orderBy(F.desc("count"), "code")
        .collect()
    )
    first = refused.orderBy("file", "line").limit(_EXAMPLES)
    examples = first.withColumn("raw", F.substring("raw", 1, _SHIPPED)).collect()
    counts = ", ".join(f"{row.code} ({row['count']:,})" for row in by_code)
    shown = "; ".join(
        f"{batch.events[row.file].file} line {row.line}: {excerpt(row.raw)!r} "
        f"({excerpt(', '.join(row.reasons))})"
        for row in examples
    )
    raise InputRefusedError(
        f"{summary.rejected:,} of {summary.rows:,} rows of {source.path} are refused, more than the "
        f"share of {max_rejected_share:g} that ingest.max_rejected_share allows; nothing was taken in. "
        f"Reasons: {counts}. First of them: {shown}. Correct the input, or allow more with "
        "--set ingest.max_rejected_share=SHARE."
    )
