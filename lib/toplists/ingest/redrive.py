"""Judging refused rows again, after a fix of the settings: what is accepted now becomes events.

The accepted rows of a load become a load of their own, which names the one they come from, so that a run
over them is another run. They are taken out of the counts of their former load and out of
`rejected_events`. In order: the rows are marked as about to be taken over, their events are written, one
commit to `loads` completes the new load and corrects the former, and the marked rows are deleted. Killed
anywhere and repeated, it goes on; marks of a load that is complete are deleted first.

Rows without a time are numbered among the equal rows that are judged again, not on from those that the
file's load accepted: one that comes to equal an accepted row of its file is a duplicate of it, where an
ingest under the right settings would have made it a further event.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import ConfigurationError
from toplists.ingest.batch import LOAD_ID_LENGTH
from toplists.ingest.checks import judge
from toplists.ingest.columns import chosen_names
from toplists.ingest.commit import Effect, write_events
from toplists.ingest.json_lines import names_in_row
from toplists.ingest.recovery import complete_loads, take_back_unfinished
from toplists.ingest.rereading import Rereading, reread, reread_as
from toplists.ingest.scan import SCANNED_DDL, stage_accepted
from toplists.ingest.summary import Summary, tally
from toplists.lake.bookkeeping import Row, delete_rows, read_rows, replace_rows
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.tables import LOADS, REJECTED_EVENTS

_KEY = ("file", "line", "element")
_CONTENT = ("event_id", "user_id", "item_id", "event_type", "value", "event_time", "updated_at")


@dataclass(frozen=True)
class Refused:
    """Where rows were refused for a reason.

    `samples` has by load, and by file with such rows, one of them. `named` are the fields of theirs, as
    JSON objects, that the present settings name as columns. `reasons` are the codes of all reasons for
    which there are refused rows.
    """

    samples: Mapping[str, Mapping[str, str]]
    named: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RedriveReport:
    """Of one load: refused rows that were judged again, those accepted now, and the new load's id."""

    load_id: str
    judged: int
    accepted: int
    new_load_id: str | None


def refused_for(dataset: Dataset, reason: str, columns: ColumnSettings) -> Refused:
    """The rows that were refused for `reason` (a code), in complete loads.

    Rows that a complete load took over are removed first. Needs no Spark.
    """
    if not dataset.has(REJECTED_EVENTS):
        return Refused({})
    complete = complete_loads(dataset)
    _forget_taken_over(dataset, complete)
    samples: dict[str, dict[str, str]] = {}
    sought, named, reasons = set(chosen_names(columns)), set[str](), set[str]()
    table = DeltaTable(dataset.path(REJECTED_EVENTS)).to_pyarrow_dataset()
    for batch in table.to_batches(columns=["load_id", "file", "raw", "reasons"]):
        for row in batch.to_pylist():
            codes = _codes(row["reasons"]) if row["load_id"] in complete else set()
            reasons |= codes
            if reason in codes:
                samples.setdefault(row["load_id"], {}).setdefault(row["file"], row["raw"])
                if named < sought:
                    named |= sought.intersection(names_in_row(row["raw"]))
    return Refused(samples, frozenset(named), frozenset(reasons))


def redrive(
    spark: SparkSession,
    dataset: Dataset,
    load_id: str,
    reason: str,
    refused_rows: Refused,
    settings: IngestSettings,
    *,
    loaded_at: datetime,
) -> RedriveReport:
    """Judge the rows of a load again that were refused for `reason`, under the present settings.

    Args:
        spark: The session.
        dataset: The dataset.
        load_id: A complete load.
        reason: Code of a reason; all that may be wrong with such a row is judged again.
        refused_rows: What `refused_for` found for that reason under these settings.
        settings: The present settings.
        loaded_at: The present moment: later times are refused, and it is noted.

    Raises:
        InputRefusedError: a column that the settings name is missing.
        ConfigurationError: the load was taken in by a release that did not note how.
    """
    loads = read_rows(dataset, LOADS)
    load = next(one for one in loads if one["load_id"] == load_id)
    readings = _readings(load, refused_rows, settings)
    refused = read_frame(spark, dataset, REJECTED_EVENTS, load_id=load_id)
    candidates = refused.where(
        F.exists("reasons", lambda one: F.substring_index(one, ":", 1) == F.lit(reason))
    )
    scanned = candidates.select("file", "line", "element", "raw").mapInArrow(
        partial(reread, readings), SCANNED_DDL
    )
    rules = next(iter(readings.values())).rules
    judged = judge(scanned, rules, loaded_at).persist()
    folder = dataset.work / f"redrive-{load_id}"
    try:
        found = tally(stage_accepted(judged, load["source"], folder))
        summary = Summary(found.left, found.staged)
        if not summary.accepted:
            return RedriveReport(load_id, summary.rows, 0, None)
        accepted = judged.where(F.size("reasons") == 0)
        names = {one.file: name for name, one in readings.items()}
        new_id = _new_load_id(load, accepted, settings)
        _mark(dataset, refused, accepted, names, load_id, new_id)
        complete = {one["load_id"] for one in loads}
        take_back_unfinished(dataset, complete, new_id)
        given_ids = "event_id" in rules.roles
        effect = write_events(
            spark, summary.staged, dataset, new_id, load["source"], given_ids=given_ids
        )
        _complete(dataset, load, new_id, summary.accepted, effect, loaded_at)
        _forget_taken_over(dataset, [new_id])
    finally:
        judged.unpersist()
        with written("removal of staged rows"):
            shutil.rmtree(folder, ignore_errors=True)
    return RedriveReport(load_id, summary.rows, summary.accepted, new_id)


def _readings(load: Row, refused_rows: Refused, settings: IngestSettings) -> dict[str, Rereading]:
    headers = {one["path"]: one["header"] for one in load.get("files") or ()}
    if load.get("files") is None:
        raise ConfigurationError(
            f"Load {load['load_id']} was taken in by release 0.1.0, which did not note how its files "
            f"were written. Take {load['path']} in again under the right settings instead."
        )
    whole = headers.get(load["path"])  # a Delta table has one entry for all of its files
    samples = sorted(refused_rows.samples[load["load_id"]].items())
    return {
        name: reread_as(
            at, load["source"], headers.get(name, whole), sample, refused_rows.named, settings
        )
        for at, (name, sample) in enumerate(samples)
    }


def _codes(reasons: Sequence[str]) -> set[str]:
    return {reason.partition(":")[0] for reason in reasons}


def _new_load_id(load: Row, accepted: DataFrame, settings: IngestSettings) -> str:
    """The same for the same rows under the same settings, so that a repetition is recognised."""
    sums = accepted.agg(
        F.count("*").alias("rows"),
        F.sum(F.xxhash64("file", "line", "element").cast("decimal(38, 0)")).alias("lines"),
        F.sum(F.xxhash64(*_CONTENT).cast("decimal(38, 0)")).alias("events"),
    ).collect()[0]
    described = [
        load["load_id"],
        *(str(value) for value in sums),
        settings.model_dump(mode="json", exclude={"max_rejected_share"}),
    ]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    return digest[:LOAD_ID_LENGTH]


def _mark(
    dataset: Dataset,
    refused: DataFrame,
    accepted: DataFrame,
    names: dict[int, str],
    load_id: str,
    new_id: str,
) -> None:
    """Note on the accepted rows that the new load is about to take them over."""
    listed = [names[at] for at in sorted(names)]
    file_names = F.from_json(F.lit(json.dumps(listed)), "array<string>")
    taken = accepted.select(
        file_names[F.col("file")].alias("file"), "line", "element", F.lit(True).alias("taken")
    )
    same = [F.col(f"old.{name}").eqNullSafe(F.col(f"taken.{name}")) for name in _KEY]
    joined = refused.alias("old").join(taken.alias("taken"), same, "left")
    marked = joined.select(
        *(f"old.{name}" for name in REJECTED_EVENTS.column_names if name != "redriven_by"),
        F.when(F.col("taken.taken"), F.lit(new_id)).alias("redriven_by"),
    )
    replace_part(marked, dataset, REJECTED_EVENTS, load_id=load_id)


def _complete(
    dataset: Dataset,
    load: Row,
    new_id: str,
    taken: int,
    effect: Effect,
    loaded_at: datetime,
) -> None:
    """Add the new load to `loads` and take its rows out of the former, in one commit."""
    former = {**load, "rows": load["rows"] - taken, "rejected": load["rejected"] - taken}
    new: Row = {
        **load,
        "load_id": new_id,
        "fingerprint": new_id,
        "rows": taken,
        "accepted": effect.inserted,
        "duplicates": taken - effect.inserted - effect.updated,
        "corrections": effect.updated,
        "rejected": 0,
        "newest_event_time": effect.newest_event_time,
        "loaded_at": loaded_at,
        "files": [],
        "redrive_of": load["load_id"],
    }
    where = f"load_id IN ('{load['load_id']}', '{new_id}')"
    replace_rows(dataset, LOADS, [former, new], where=where)


def _forget_taken_over(dataset: Dataset, complete: Collection[str]) -> None:
    """Delete the refused rows that complete loads took over."""
    table = DeltaTable(dataset.path(REJECTED_EVENTS))
    # In the lake of a release before 0.2.0 nothing was ever taken over.
    if complete and "redriven_by" in {field.name for field in table.schema().fields}:
        listed = ", ".join(f"'{load_id}'" for load_id in sorted(complete))
        delete_rows(dataset, REJECTED_EVENTS, where=f"redriven_by IN ({listed})")
