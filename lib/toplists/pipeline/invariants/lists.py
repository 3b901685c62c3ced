"""Invariants of the published lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toplists.lake.schema import Table
from toplists.lake.tables import (
    INTERACTIONS,
    POPULAR_ITEMS,
    RECOMMENDATIONS,
    SIMILAR_ITEMS,
    SNAPSHOT_ITEMS,
    SNAPSHOT_USERS,
)
from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView, StoredRun, listed_runs
from toplists.reader.queries import literal


@dataclass(frozen=True)
class _Kind:
    """A published table: whom a list is for, and the setting that says how long it is."""

    table: Table
    owner: str
    length: str


_KINDS = (
    _Kind(RECOMMENDATIONS, "user_id", "n"),
    _Kind(SIMILAR_ITEMS, "item_id", "similar_n"),
    _Kind(POPULAR_ITEMS, "segment", "n"),
)


def _look_at_content(view: LakeView) -> Evidence:
    runs = listed_runs(view)
    faults: list[str] = []
    lists = 0
    for run in runs:
        for kind in _KINDS:
            found: Counter[str] = Counter()
            for batch in _lists(view, run, kind):
                lists += batch.num_rows
                length = run.configuration["recommend"][kind.length]
                found.update(defects(batch, length, of_items=kind.owner == "item_id"))
            faults += [
                f"run {run.run_id}: {count:,} lists in {kind.table.name} {what}"
                for what, count in sorted(found.items())
                if count
            ]
    return Evidence(f"{len(runs):,} runs, {lists:,} lists", faults)


def _lists(view: LakeView, run: StoredRun, kind: _Kind) -> Iterator[pa.RecordBatch]:
    """`[owner: string, items: array<struct<item_id, score, source>>, short_reason: string]`."""
    if view.has(kind.table):
        yield from view.batches(
            f"SELECT {kind.owner} AS owner, items, short_reason FROM {kind.table.name} "
            f"WHERE run_id = {literal(run.run_id)}"
        )


def defects(batch: pa.RecordBatch, n: int, *, of_items: bool) -> dict[str, int]:
    """How many of the lists have which defect.

    Args:
        batch: `[owner: string, items: array<struct<item_id: string, score: double, source: string>>,
            short_reason: string]`.
        n: Length that a list has, unless it says why it is shorter.
        of_items: Whether the owners are items, which must not be in their own lists. The id of a user
            may well be that of an item, too.
    """
    items, owners = batch["items"], batch["owner"].cast(pa.string())
    lengths = pc.fill_null(pc.list_value_length(items), 0).to_numpy().astype(np.int64)
    entries = items.flatten()
    row = np.repeat(np.arange(len(lengths)), lengths)
    ids = entries.field("item_id").cast(pa.string())
    scores = entries.field("score").to_numpy(zero_copy_only=False)
    unexplained = batch["short_reason"].is_null().to_numpy(zero_copy_only=False)
    code = _codes(ids)
    source = _codes(entries.field("source").cast(pa.string()))
    # By list and source, in the order of the list: the sort is stable.
    order = np.lexsort((source, row))
    same = (np.diff(row[order]) == 0) & (np.diff(source[order]) == 0)
    rising = same & (np.diff(scores[order]) > 0)
    own = pc.equal(ids, owners.take(pa.array(row))).to_numpy(zero_copy_only=False)
    repeated = _repeated(row, code)
    return {
        "are too long": int(np.count_nonzero(lengths > n)),
        "are short without a reason": int(np.count_nonzero((lengths < n) & unexplained)),
        "hold an item twice": len(np.unique(repeated)),
        "have a score that is no finite number": len(np.unique(row[~np.isfinite(scores)])),
        "are not in the order of their scores": len(np.unique(row[order][1:][rising])),
        "hold the item they are of": len(np.unique(row[own])) if of_items else 0,
    }


def _codes(texts: pa.Array) -> np.ndarray:
    """A number for each text, the same for the same text."""
    indices = pc.dictionary_encode(texts, null_encoding="encode").indices
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _repeated(row: np.ndarray, code: np.ndarray) -> np.ndarray:
    """The rows of the pairs of row and code that stand twice."""
    order = np.lexsort((code, row))
    row, code = row[order], code[order]
    twice = (np.diff(row) == 0) & (np.diff(code) == 0)
    return np.asarray(row[1:][twice])


def _look_at_users(view: LakeView) -> Evidence:
    eligible = "CASE WHEN eligible THEN 1 ELSE 0 END"
    return _look_at_owners(view, RECOMMENDATIONS, SNAPSHOT_USERS, "user_id", eligible)


def _look_at_items(view: LakeView) -> Evidence:
    return _look_at_owners(view, SIMILAR_ITEMS, SNAPSHOT_ITEMS, "item_id", "1")


def _look_at_owners(
    view: LakeView, lists: Table, snapshot: Table, owner: str, expected: str
) -> Evidence:
    """Groups lists and snapshot by owner; every placement has one list of each expected owner."""
    runs = [run for run in listed_runs(view) if run.run_id in view.partitions(snapshot)]
    faults, total = [], 0
    for run in runs:
        of_run = f"run_id = {literal(run.run_id)}"
        query = f"SELECT DISTINCT placement FROM {lists.name} WHERE {of_run}"
        for placement in [row["placement"] for row in view.rows(query)]:
            (row,) = view.rows(
                "SELECT sum(lists) AS lists, count(*) FILTER (WHERE lists = 0 AND due = 1) AS missing, "
                "count(*) FILTER (WHERE lists > 0 AND due = 0) AS extra, "
                "count(*) FILTER (WHERE lists > 1) AS repeated FROM ("
                f"SELECT {owner}, sum(lists) AS lists, max(due) AS due FROM ("
                f"SELECT {owner}, 1 AS lists, 0 AS due FROM {lists.name} WHERE {of_run} "
                f"AND placement = {literal(placement)} UNION ALL "
                f"SELECT {owner}, 0, {expected} FROM {snapshot.name} WHERE {of_run}) "
                f"GROUP BY {owner})"
            )
            total += row["lists"] or 0
            faults += [
                f"run {run.run_id}: {row[name]:,} {what} ({placement})"
                for name, what in (
                    ("missing", "have no list"),
                    ("extra", "have a list and should not"),
                    ("repeated", "have several lists"),
                )
                if row[name]
            ]
    return Evidence(f"{len(runs):,} runs, {total:,} lists", faults)


def _look_at_seen(view: LakeView) -> Evidence:
    runs = [run for run in listed_runs(view) if run.run_id in view.partitions(INTERACTIONS)]
    faults = []
    for run in runs:
        of_run = f"run_id = {literal(run.run_id)}"
        seen = view.number(
            "SELECT count(*) FROM (SELECT user_id, item_id FROM ("
            "SELECT user_id, listed['item_id'] AS item_id, 1 AS listed, 0 AS seen FROM ("
            f"SELECT user_id, unnest(items) AS listed FROM recommendations WHERE {of_run}) UNION ALL "
            f"SELECT user_id, item_id, 0, 1 FROM interactions WHERE {of_run}) "
            "GROUP BY user_id, item_id HAVING max(listed) = 1 AND max(seen) = 1)"
        )
        if seen:
            faults.append(f"run {run.run_id}: {seen:,} listed items that their user has seen")
    return Evidence(f"{len(runs):,} runs", faults)


_ROLL_BACK = "./spark-submit.sh rollback --mark-bad puts an earlier run live, for good."

INVARIANTS = (
    Invariant(
        "list-content",
        "A list has N items or a reason, none twice or the owner's own, and falling finite scores.",
        _ROLL_BACK,
        _look_at_content,
    ),
    Invariant(
        "list-per-user",
        "Every eligible user of a run has one list, and nobody else has.",
        _ROLL_BACK,
        _look_at_users,
    ),
    Invariant(
        "list-per-item",
        "Every item of a run has one list of similar items.",
        _ROLL_BACK,
        _look_at_items,
    ),
    Invariant(
        "unseen",
        "No list holds what its user has seen.",
        _ROLL_BACK,
        _look_at_seen,
    ),
)
