"""Invariants of the pointer: an unbroken history that ends in a complete run."""

from __future__ import annotations

import json
from itertools import pairwise

from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView
from toplists.publish.publication import PUBLISHED_TABLES

STEPS = ("prepare", "train", "recommend", "evaluate")
"""What a run has gone through before it is published."""


def _look_at_history(view: LakeView) -> Evidence:
    history = view.pointer.history
    faults = []
    if [publication.sequence for publication in history] != list(range(1, len(history) + 1)):
        faults.append("their numbers are not 1, 2, 3, …")
    for before, after in pairwise(history):
        if after.previous_run_id != before.run_id:
            faults.append(f"number {after.sequence} does not follow run {before.run_id}")
        if after.fence < before.fence:
            faults.append(f"number {after.sequence} was written under an earlier lease")
    live = view.pointer.live
    if live is not None and live.run_id in view.pointer.bad_runs:
        faults.append(f"the live run {live.run_id} was declared bad")
    return Evidence(f"{len(history):,} publications", faults)


def _look_at_live(view: LakeView) -> Evidence:
    live = view.pointer.live
    if live is None:
        return Evidence("nothing is live")
    done = {
        row["step"]
        for row in view.ledger
        if row["run_id"] == live.run_id and row["state"] == "done"
    }
    faults = [f"{step} is not done by the ledger" for step in STEPS if step not in done]
    faults += [
        f"{table.name} has no rows of it"
        for table in PUBLISHED_TABLES
        if live.run_id not in view.partitions(table)
    ]
    return Evidence(f"run {live.run_id}", faults)


def _look_at_current(view: LakeView) -> Evidence:
    live, path = view.pointer.live, view.dataset.root / "current.json"
    if live is None:
        return Evidence("nothing is live")
    named = json.loads(path.read_text(encoding="utf-8"))["run_id"] if path.is_file() else None
    fault = f"current.json names {named or 'nothing'}, live is {live.run_id}"
    return Evidence(f"run {live.run_id}", [] if named == live.run_id else [fault])


INVARIANTS = (
    Invariant(
        "publications",
        "The publications are numbered without a gap, follow one another, and end in no bad run.",
        "Somebody else wrote to `publications`: restore its version before that.",
        _look_at_history,
    ),
    Invariant(
        "live-run",
        "Every step of the live run is done, and every published table has its lists.",
        "./spark-submit.sh rollback --to RUN puts a complete run live.",
        _look_at_live,
    ),
    Invariant(
        "current-json",
        "current.json names the live run.",
        "The next nightly, publish or rollback rewrites it; readers do not use it.",
        _look_at_current,
        level="warning",
    ),
)
